"""The emulated AWS keeps what it has acknowledged, also when it is killed."""

import json
import os
import signal
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import ministack
from infra.local.deployer import function_code
from infra.local.emulator.journal import Change, Journal
from infra.local.patience import Patience, cpu_time, log_length
from infra.local.postgres.server import free_port

MACHINE = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}


class Emulator:
    """One that is started and killed again on the same port, with the same folders."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "emulator.log"
        self.letters = folder / "letters"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ministack.command(),
                env=ministack.environment(self.port, self.folder / "ministack", letters=self.letters),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        patience = Patience(lambda: (log_length(self.log), cpu_time(self.process.pid)))
        while not ministack.is_ready(self.endpoint):
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert not patience.is_over(), patience.why
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)
        self.process.wait(60)

    def restart(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.end(number)
        self.start()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=ministack.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(
                retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, max_pool_connections=20
            ),
        )

    def bodies(self, queue: str) -> list[str]:
        """Everything that can be received now, in order."""
        sqs, found = self.client("sqs"), []
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path)
    emulator.start()
    yield emulator
    emulator.end(signal.SIGKILL)


def fifo(emulator: Emulator, name: str = "line.fifo") -> str:
    answer = emulator.client("sqs").create_queue(
        QueueName=name, Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )
    return str(answer["QueueUrl"])


def table(emulator: Emulator, name: str = "requests") -> None:
    emulator.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_nothing_acknowledged_is_lost_when_it_is_killed_in_the_middle(emulator: Emulator) -> None:
    """Three hundred requests, eight at once, each an item and a message; killed after each third.

    Who is not answered asks again, as somebody else.
    """
    url, _ = fifo(emulator), table(emulator)
    ministack.save(emulator.endpoint)
    sqs, dynamodb = emulator.client("sqs"), emulator.client("dynamodb")
    acknowledged: list[str] = []

    def order(number: int) -> None:
        for attempt in range(1_000):
            name = f"r{number}-{attempt}"
            try:
                dynamodb.put_item(
                    TableName="requests",
                    Item={"id": {"S": name}},
                    ConditionExpression="attribute_not_exists(id)",
                )
                sqs.send_message(QueueUrl=url, MessageBody=name, MessageGroupId="g")
            except (ClientError, BotoCoreError):
                time.sleep(0.2)
            else:
                acknowledged.append(name)
                return

    with ThreadPoolExecutor(8) as buyers:
        orders = [buyers.submit(order, number) for number in range(300)]
        for goal in (100, 200):
            while len(acknowledged) < goal and not all(done.done() for done in orders):
                time.sleep(0.005)
            emulator.restart()
        for done in orders:
            done.result()
    emulator.restart()
    bodies = emulator.bodies("line.fifo")
    items = emulator.client("dynamodb").scan(TableName="requests", ConsistentRead=True)["Items"]
    assert len(acknowledged) == 300
    assert set(acknowledged) <= set(bodies)
    assert set(acknowledged) <= {item["id"]["S"] for item in items}
    assert len(bodies) == len(set(bodies))


def test_messages_keep_their_order_and_what_was_received_is_delivered_again_at_once(emulator: Emulator) -> None:
    """Whoever received it has ended with the emulator; nobody waits for a visibility timeout."""
    url = fifo(emulator)
    ministack.save(emulator.endpoint)
    sqs = emulator.client("sqs")
    for number in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"][0]["Body"] == "0"
    for number in range(10, 20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
        if number == 15:
            ministack.save(emulator.endpoint)
    emulator.restart()
    assert emulator.bodies("line.fifo") == [str(number) for number in range(20)]


def test_events_counters_parameters_and_executions_survive(emulator: Emulator) -> None:
    sns, sqs, ssm = (emulator.client(service) for service in ("sns", "sqs", "ssm"))
    sfn, dynamodb = emulator.client("stepfunctions"), emulator.client("dynamodb")
    topic = sns.create_topic(Name="events")["TopicArn"]
    sqs.create_queue(QueueName="listener")
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{ministack.REGION}:{ministack.ACCOUNT}:listener"
    )
    machine = sfn.create_state_machine(
        name="waits", definition=json.dumps(MACHINE), roleArn=f"arn:aws:iam::{ministack.ACCOUNT}:role/r"
    )["stateMachineArn"]
    table(emulator, "counters")
    ministack.save(emulator.endpoint)
    sns.publish(TopicArn=topic, Message="sold")
    ssm.put_parameter(Name="/default", Value="popcorn", Type="String")
    sfn.start_execution(stateMachineArn=machine, name="one", input="{}")
    for _ in range(7):
        dynamodb.update_item(
            TableName="counters",
            Key={"id": {"S": "c"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    emulator.restart()
    (delivered,) = emulator.bodies("listener")
    assert json.loads(delivered)["Message"] == "sold"
    assert ssm.get_parameter(Name="/default")["Parameter"]["Value"] == "popcorn"
    assert dynamodb.get_item(TableName="counters", Key={"id": {"S": "c"}})["Item"]["n"] == {"N": "7"}
    (execution,) = sfn.list_executions(stateMachineArn=machine)["executions"]
    assert (execution["name"], execution["status"]) == ("one", "RUNNING")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_code_of_functions_survives(emulator: Emulator, number: signal.Signals) -> None:
    """A function without its code would "handle" messages by doing nothing, and they would be gone."""
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName="worker",
        Runtime="provided.al2023",
        Role=f"arn:aws:iam::{ministack.ACCOUNT}:role/r",
        Handler="bootstrap",
        Code={"ZipFile": function_code()},
    )
    for _ in range(3):
        ministack.save(emulator.endpoint)
        emulator.restart(number)
        with urllib.request.urlopen(functions.get_function(FunctionName="worker")["Code"]["Location"]) as code:
            assert code.read() == function_code()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_last_snapshot_makes_what_came_before_it_needless(emulator: Emulator, number: signal.Signals) -> None:
    """Neither old snapshots nor old journals pile up, and what is in the snapshot is not done twice."""
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName="plain")["QueueUrl"]
    for round_ in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(round_))
        ministack.save(emulator.endpoint)
    state = emulator.folder / "ministack" / "state"
    assert len([entry for entry in state.iterdir() if entry.name.removesuffix(".partial").isdigit()]) == 1
    assert len(list(state.glob("journal.*"))) == 1
    for _ in range(3):
        emulator.restart(number)
    assert sorted(emulator.bodies("plain")) == ["0", "1", "2", "3", "4"]


def test_a_snapshot_that_was_being_written_does_not_count(emulator: Emulator) -> None:
    url = emulator.client("sqs").create_queue(QueueName="plain")["QueueUrl"]
    ministack.save(emulator.endpoint)
    emulator.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    emulator.end(signal.SIGKILL)
    half = emulator.folder / "ministack" / "state" / "900.partial"
    half.mkdir()
    (half / "sqs.json").write_text("{")
    with max((emulator.folder / "ministack" / "state").glob("journal.*")).open("ab") as journal:
        journal.write(b'{"method":"POST","path":"/","que')
    emulator.start()
    assert emulator.bodies("plain") == ["kept"]


def test_what_is_kept_is_for_its_owner_alone(emulator: Emulator) -> None:
    emulator.client("s3").create_bucket(
        Bucket="code", CreateBucketConfiguration={"LocationConstraint": ministack.REGION}
    )
    emulator.client("s3").put_object(Bucket="code", Key="k", Body=b"x")
    emulator.client("ses").verify_email_identity(EmailAddress="from@example.com")
    send_mail(emulator)
    emulator.restart(signal.SIGTERM)
    places = [emulator.folder / "ministack", emulator.letters]
    files = [file for place in places for file in (place, *place.rglob("*"))]
    assert len(files) > 10
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


def send_mail(emulator: Emulator, subject: str = "Ingressos") -> None:
    picture = {
        "FileName": "qr.png",
        "ContentType": "image/png",
        "ContentId": "qr-1",
        "ContentDisposition": "INLINE",
        "ContentTransferEncoding": "BASE64",
        "RawContent": b"\x89PNG",
    }
    simple = {
        "Subject": {"Data": subject, "Charset": "UTF-8"},
        "Body": {"Text": {"Data": "Olá"}, "Html": {"Data": '<p>Olá</p><img src="cid:qr-1">'}},
        "Attachments": [picture],
    }
    emulator.client("sesv2").send_email(
        FromEmailAddress="from@example.com",
        Destination={"ToAddresses": ["ana@example.com"]},
        Content={"Simple": simple},
    )


def test_what_is_sent_to_people_is_a_file_with_its_pictures_and_is_not_sent_twice(emulator: Emulator) -> None:
    emulator.client("ses").verify_email_identity(EmailAddress="from@example.com")
    send_mail(emulator, "Nº 1\r\nBcc: spy@example.com")
    emulator.client("sns").publish(PhoneNumber="+5511999990000", Message="Seus ingressos")
    emulator.restart()
    mail, sms = (
        message_from_bytes(file.read_bytes(), policy=default) for file in sorted(emulator.letters.glob("*.eml"))
    )
    assert (mail["To"], mail["Subject"], mail["Bcc"]) == ("ana@example.com", "Nº 1 Bcc: spy@example.com", None)
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [(part["Content-ID"], part.get_content()) for part in pictures] == [("<qr-1>", b"\x89PNG")]
    assert (sms["To"], sms["X-Channel"], sms.get_content().strip()) == ("+5511999990000", "SMS", "Seus ingressos")


def test_a_message_that_ses_refuses_is_not_kept(emulator: Emulator) -> None:
    with pytest.raises(ClientError):
        send_mail(emulator)
    assert list(emulator.letters.glob("*")) == []


@pytest.mark.parametrize(
    ("target", "relied_on"),
    [
        (b"AmazonSQS.SendMessage", True),
        (b"AWSStepFunctions.StartExecution", True),
        (b"DynamoDB_20120810.TransactWriteItems", True),
        (b"AmazonSQS.ReceiveMessage", False),
        (b"AmazonSQS.DeleteMessage", False),
        (b"DynamoDB_20120810.Query", False),
    ],
)
def test_what_is_written_down(target: bytes, relied_on: bool) -> None:
    assert Change("POST", "/", b"", [(b"x-amz-target", target)], b"{}").is_relied_on() is relied_on


def test_a_journal_gives_back_what_was_added_since_a_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    changes = [Change("POST", "/", b"", [(b"h", b"v")], str(number).encode() + b"\n\xff") for number in range(3)]
    for generation, change in enumerate(changes, start=9):
        journal.begin(generation)
        journal.add(change)
    assert list(journal.since(9)) == changes
    assert list(journal.since(10)) == changes[1:]
    journal.forget_before(11)
    assert (list(journal.since(0)), journal.latest()) == (changes[2:], 11)
    journal.close()
