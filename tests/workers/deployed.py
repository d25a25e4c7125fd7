"""The deployed stack as tests see it: start executions, send messages, look at what came out."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

REGION = "sa-east-1"
# Long enough for a busy machine: a passing test never waits for it.
_PATIENCE_SECONDS = 90.0
FoundT = TypeVar("FoundT")


@dataclass
class Deployed:
    client: Callable[[str], Any]
    outputs: dict[str, str]
    _clients: dict[str, Any] = field(default_factory=dict)

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def start(self, flow: str, given: dict[str, Any], name: str | None = None) -> str:
        arn = self.outputs["ReservationFlowArn" if flow == "reservation" else "PaymentFlowArn"]
        answer = self.aws("stepfunctions").start_execution(
            stateMachineArn=arn, name=name or str(uuid4()), input=json.dumps(given)
        )
        execution: str = answer["executionArn"]
        return execution

    def ended(self, execution: str, within: float = _PATIENCE_SECONDS) -> dict[str, Any]:
        """The execution's description once it is no longer running."""
        return eventually(lambda: self._unless_running(execution), within, f"the end of {execution}")

    def _unless_running(self, execution: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.aws("stepfunctions").describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    def executions(self, flow: str) -> dict[str, str]:
        """Names and states."""
        arn = self.outputs["ReservationFlowArn" if flow == "reservation" else "PaymentFlowArn"]
        listed = self.aws("stepfunctions").list_executions(stateMachineArn=arn, maxResults=1000)["executions"]
        return {found["name"]: found["status"] for found in listed}

    def named(self, flow: str, name: str) -> str:
        """The ARN of an execution that will have this name."""
        machine = self.outputs["ReservationFlowArn" if flow == "reservation" else "PaymentFlowArn"]
        execution = machine.replace(":stateMachine:", ":execution:") + f":{name}"
        eventually(lambda: name in self.executions(flow) or None, _PATIENCE_SECONDS, f"an execution {name}")
        return execution

    def states_entered(self, execution: str) -> list[str]:
        events = self.aws("stepfunctions").get_execution_history(executionArn=execution, maxResults=1000)["events"]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def waiting_token(self, token_id: str) -> dict[str, Any]:
        """The item of an execution that waits for its answer."""

        def look() -> dict[str, Any] | None:
            item = self.aws("dynamodb").get_item(
                TableName=self.outputs["TaskTokensTable"], Key={"id": {"S": token_id}}, ConsistentRead=True
            )
            found: dict[str, Any] | None = item.get("Item")
            return found

        return eventually(look, _PATIENCE_SECONDS, f"token {token_id}")

    def signal(self, kind: str, data: dict[str, Any]) -> None:
        """As a service's relay publishes it."""
        message = {
            "id": str(uuid4()),
            "type": kind,
            "source": "test",
            "subject": "x",
            "occurred_at": "2026-01-01T00:00:00Z",
            "data": data,
        }
        self.aws("sns").publish(
            TopicArn=self.outputs["DomainEventsTopicArn"],
            Message=json.dumps(message),
            MessageAttributes={"type": {"DataType": "String", "StringValue": kind}},
        )

    def invoke(self, function: str, event: dict[str, Any], *, fails: bool = False) -> Any:
        """The function's answer, or with `fails` its error (`{errorType, errorMessage}`)."""
        answer = self.aws("lambda").invoke(FunctionName=f"bilhetagem-{function}", Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert ("FunctionError" in answer) == fails, payload
        return payload

    def queue_url(self, name: str) -> str:
        url: str = self.aws("sqs").get_queue_url(QueueName=f"bilhetagem-{name}")["QueueUrl"]
        return url

    def take(self, queue: str, wanted: Callable[[Any], bool], within: float = _PATIENCE_SECONDS) -> Any:
        """The first message (as JSON when it is) that is wanted; others are left for who wants them."""

        def look() -> Any | None:
            url = self.queue_url(queue)
            found = self.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
            for message in found.get("Messages", []):
                body = _read(message["Body"])
                if wanted(body):
                    self.aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    return body
            return None

        return eventually(look, within, f"a message in {queue}")

    def request_reservations(self, messages: list[tuple[str, str, str]]) -> None:
        """`(group, deduplication id, body)` each, in order."""
        for group, deduplication, body in messages:
            self.aws("sqs").send_message(
                QueueUrl=self.outputs["ReservationRequestsQueueUrl"],
                MessageBody=body,
                MessageGroupId=group,
                MessageDeduplicationId=deduplication,
            )


@dataclass
class Heard:
    """A queue of one test's own that hears every domain event."""

    deployed: Deployed
    queue_url: str

    def about(self, reservation_id: str) -> list[dict[str, Any]]:
        """All events about a reservation that have been published until now, in the order of their arrival."""
        marker = str(uuid4())
        self.deployed.signal("test.marker", {"marker": marker})
        sqs = self.deployed.aws("sqs")
        found: list[dict[str, Any]] = []

        def read() -> bool | None:
            answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
            return any(event["data"].get("marker") == marker for event in found) or None

        eventually(read, _PATIENCE_SECONDS, "the marker behind all events")
        return [event for event in found if event["data"].get("reservation_id") == reservation_id]


def eventually(look: Callable[[], FoundT | None], within: float, what: str) -> FoundT:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {within:.0f} s in vain for {what}")


def _read(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
