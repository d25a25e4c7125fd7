"""Dead letters go back to the queue whose redrive policy names theirs, or to their state machine."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from infra.local.dead_letters import DeadLetters
from infra.local.faults import LocalFault


@pytest.fixture
def letters(aws_endpoint: str) -> DeadLetters:
    return DeadLetters.at(aws_endpoint)


def pair(letters: DeadLetters, *, fifo: bool = False) -> tuple[str, str, str]:
    """(URL of a queue, URL and name of its dead-letter queue), among others that have nothing to do with it."""
    suffix = ".fifo" if fifo else ""
    attributes: Any = {"FifoQueue": "true"} if fifo else {}
    name = f"q-{uuid4().hex}"
    letters.sqs.create_queue(QueueName=f"{name}-other{suffix}", Attributes=attributes)
    dead = letters.sqs.create_queue(QueueName=f"{name}-dlq{suffix}", Attributes=attributes)["QueueUrl"]
    arn = letters.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source = letters.sqs.create_queue(
        QueueName=f"{name}{suffix}", Attributes={**attributes, "RedrivePolicy": policy, "VisibilityTimeout": "0"}
    )["QueueUrl"]
    return source, dead, f"{name}-dlq{suffix}"


def bodies(letters: DeadLetters, url: str) -> list[str]:
    found: list[str] = []
    while messages := letters.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            letters.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.mark.parametrize("fifo", [False, True])
def test_letters_go_back_to_the_queue_that_they_came_from_in_their_order(letters: DeadLetters, fifo: bool) -> None:
    source, dead, name = pair(letters, fifo=fifo)
    for number in range(25):
        more = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)} if fifo else {}
        letters.sqs.send_message(QueueUrl=dead, MessageBody=str(number), **more)  # type: ignore[arg-type]
    assert letters.queues()[name] == 25
    assert letters.show(name)[0]["body"] == 0
    assert letters.redrive(name) == 25
    assert letters.queues()[name] == 0
    letters.sqs.set_queue_attributes(QueueUrl=source, Attributes={"VisibilityTimeout": "30"})
    given_back = bodies(letters, source)
    expected = [str(number) for number in range(25)]
    assert given_back == expected if fifo else sorted(given_back) == sorted(expected)


def test_a_letter_that_dies_again_at_once_is_given_back_once(letters: DeadLetters) -> None:
    """While somebody asks for it all the time, and so lets the emulator move it back at once."""
    source, _, name = pair(letters)
    letters.sqs.send_message(QueueUrl=source, MessageBody="poison")
    over = threading.Event()

    def consume() -> None:
        while not over.is_set():
            letters.sqs.receive_message(QueueUrl=source)

    with ThreadPoolExecutor(1) as consumer:
        consuming = consumer.submit(consume)
        try:
            for _ in range(10):
                while not letters.queues()[name]:
                    time.sleep(0.01)
                assert letters.redrive(name) == 1
        finally:
            over.set()
        consuming.result()


def test_a_letter_of_a_state_machine_starts_it_again_with_its_input(letters: DeadLetters) -> None:
    name = f"flow-{uuid4().hex}"
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    machine = letters.stepfunctions.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    dead = letters.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    body = {"state_machine": name, "execution": f"arn:x:{name}:e1", "input": {"reservation": 7}}
    letters.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(body))
    assert letters.redrive(f"{name}-dlq") == 1
    (execution,) = letters.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    told = letters.stepfunctions.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(told["input"]) == {"reservation": 7}
    assert execution["name"].startswith("e1-redrive-")


def test_a_letter_that_names_nothing_stays(letters: DeadLetters) -> None:
    name = f"lost-{uuid4().hex}-dlq"
    dead = letters.sqs.create_queue(QueueName=name)["QueueUrl"]
    letters.sqs.send_message(QueueUrl=dead, MessageBody="?")
    with pytest.raises(LocalFault, match="names neither a queue nor a state machine"):
        letters.redrive(name)
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = letters.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=counts)["Attributes"]  # type: ignore[arg-type]
    assert sum(int(count) for count in left.values()) == 1
    for refused in ("no-such-queue-dlq", name.removesuffix("-dlq")):
        with pytest.raises(LocalFault, match="dlq list"):
            letters.redrive(refused)
