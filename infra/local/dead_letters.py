"""Dead letters of the running platform: seen, and given back to whom they were meant for.

The emulator has neither a message move task (`StartMessageMoveTask`) nor a list of a dead-letter queue's sources
(`ListDeadLetterSourceQueues`). So the sources are read from the queues' redrive policies, and a letter is sent again
first and deleted after; a crash in between repeats it, which every consumer bears.
"""

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from infra.local import ministack
from infra.local.faults import LocalFault
from infra.local.home import Home

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions import SFNClient

_MARKS = ("-dlq", "-dlq.fifo")
_MOST = 1000
_HIDDEN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class DeadLetters:
    sqs: "SQSClient"
    stepfunctions: "SFNClient"

    @classmethod
    def of(cls, home: Home) -> "DeadLetters":
        """Raises NotRunning unless the home's platform runs."""
        return cls.at(home.record().status["aws"])

    @classmethod
    def at(cls, endpoint: str) -> "DeadLetters":
        session = boto3.Session(
            aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=ministack.REGION,
        )
        config = Config(connect_timeout=3, read_timeout=15)
        return cls(
            session.client("sqs", endpoint_url=endpoint, config=config),
            session.client("stepfunctions", endpoint_url=endpoint, config=config),
        )

    def queues(self) -> dict[str, int]:
        """Names of the dead-letter queues with the number of messages in each."""
        found: dict[str, int] = {}
        for url in self._urls():
            name = _name_of(url)
            if name.endswith(_MARKS):
                found[name] = int(self._attributes(url)["ApproximateNumberOfMessages"])
        return dict(sorted(found.items()))

    def show(self, queue: str) -> list[dict[str, Any]]:
        """The messages (of each FIFO group, the first ten): `{id, sent_at_ms, group, body}`; they stay."""
        url = self._url(queue)
        letters = self._take(url)
        for letter in letters:
            self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0)
        return [
            {
                "id": letter["MessageId"],
                "sent_at_ms": int(letter["Attributes"]["SentTimestamp"]),
                "group": letter["Attributes"].get("MessageGroupId"),
                "body": _readable(letter["Body"]),
            }
            for letter in letters
        ]

    def redrive(self, queue: str) -> int:
        """Gives every message that lies there now back, and returns how many.

        A queue's dead letter goes to that queue; a state machine's starts an execution of it with the same input.
        Raises LocalFault for a letter that names neither; it stays, and so do those after it.
        """
        url = self._url(queue)
        source = self._source_of(url)
        # One that dies again at once is not given back for ever.
        most = int(self._attributes(url)["ApproximateNumberOfMessages"])
        given_back = 0
        while given_back < most and (letters := self._take(url, most=1)):
            for letter in letters:
                if source is not None:
                    self._send_again(source, letter)
                else:
                    self._start_again(letter)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
                given_back += 1
        return given_back

    def _source_of(self, url: str) -> str | None:
        """The URL of the queue whose redrive policy names this one; None for a state machine's."""
        own = self._attributes(url)["QueueArn"]
        for other in self._urls():
            policy = json.loads(self._attributes(other).get("RedrivePolicy", "{}"))
            if policy.get("deadLetterTargetArn") == own:
                return other
        return None

    def _urls(self) -> list[str]:
        pages = self.sqs.get_paginator("list_queues").paginate()
        return [url for page in pages for url in page.get("QueueUrls", [])]

    def _attributes(self, url: str) -> dict[str, str]:
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {str(name): value for name, value in attributes.items()}

    def _send_again(self, source: str, letter: "MessageTypeDef") -> None:
        fifo: dict[str, str] = {}
        if source.endswith(".fifo"):
            # A new deduplication id: the queue would swallow the old one for five minutes.
            fifo = {
                "MessageGroupId": letter["Attributes"]["MessageGroupId"],
                "MessageDeduplicationId": f"redrive-{letter['MessageId']}-{secrets.token_hex(4)}",
            }
        self.sqs.send_message(
            QueueUrl=source,
            MessageBody=letter["Body"],
            MessageAttributes=letter.get("MessageAttributes", {}),
            **fifo,  # type: ignore[arg-type]
        )

    def _start_again(self, letter: "MessageTypeDef") -> None:
        told = _readable(letter["Body"])
        if not isinstance(told, dict) or not {"state_machine", "input"} <= told.keys():
            raise LocalFault(f"The dead letter {letter['MessageId']} names neither a queue nor a state machine.")
        name = str(told.get("execution", "")).rpartition(":")[2][:50] or letter["MessageId"]
        machine = str(told["state_machine"])
        if not machine.startswith("arn:"):
            machine = f"arn:aws:states:{ministack.REGION}:{ministack.ACCOUNT}:stateMachine:{machine}"
        self.stepfunctions.start_execution(
            stateMachineArn=machine,
            name=f"{name}-redrive-{secrets.token_hex(4)}",
            input=json.dumps(told["input"]),
        )

    def _take(self, url: str, most: int = _MOST) -> list["MessageTypeDef"]:
        taken: list[MessageTypeDef] = []
        while len(taken) < most:
            answer = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            batch = answer.get("Messages", [])
            if not batch:
                break
            taken += batch
        return taken

    def _url(self, queue: str) -> str:
        if not queue.endswith(_MARKS):
            raise LocalFault(f"{queue} is no dead-letter queue: `bilhetagem dlq list` names them.")
        try:
            return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except self.sqs.exceptions.QueueDoesNotExist as exc:
            raise LocalFault(f"There is no queue {queue}: `bilhetagem dlq list` names them.") from exc


def _name_of(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _readable(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
