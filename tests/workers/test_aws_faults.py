"""What AWS says on a bad day is told apart: what may pass is tried again, what will not goes to people."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError

from tests.workers import faulty_aws
from workers.runtime import aws, wiring
from workers.runtime.errors import PermanentFault, TransientFault, WorkerFault
from workers.runtime.executions import start_once
from workers.runtime.later import try_again_later

# One call of each service that workers use.
CALLS: dict[str, Callable[[Any], Any]] = {
    "dynamodb": lambda client: client.get_item(TableName="t", Key={"id": {"S": "1"}}),
    "stepfunctions": lambda client: client.start_execution(stateMachineArn="arn:aws:states:::x", name="n", input="{}"),
    "sqs": lambda client: client.send_message(QueueUrl="http://queue.test/1/q", MessageBody="m"),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:sa-east-1:1:t", Message="m"),
    "ssm": lambda client: client.get_parameter(Name="/p", WithDecryption=True),
}
PASSING_CODES = (
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "KMSThrottling",
    "KmsThrottled",
    "ExecutionLimitExceeded",
    "ExpiredTokenException",
)


def client(service: str, send: Callable[[AWSPreparedRequest], AWSResponse | None]) -> Any:
    return faulty_aws.client(service, "http://aws.test", send)


def fault_of(service: str, send: Callable[[AWSPreparedRequest], AWSResponse | None]) -> WorkerFault:
    with pytest.raises(WorkerFault) as told:
        CALLS[service](client(service, send))
    return told.value


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("code", PASSING_CODES)
def test_throttling_may_pass(service: str, code: str) -> None:
    assert isinstance(fault_of(service, lambda _: faulty_aws.answer(400, code, xml=service == "sns")), TransientFault)


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_fault_of_the_service_may_pass(service: str, status: int) -> None:
    assert isinstance(fault_of(service, lambda _: faulty_aws.answer(status, "InternalFailure")), TransientFault)


def no_connection(request: AWSPreparedRequest) -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url=request.url)


def no_answer(request: AWSPreparedRequest) -> AWSResponse:
    raise faulty_aws.ReadTimeoutError(endpoint_url=request.url)


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("send", [faulty_aws.unreachable, no_connection, no_answer])
def test_a_connection_may_come_back(service: str, send: Callable[[AWSPreparedRequest], AWSResponse]) -> None:
    assert isinstance(fault_of(service, send), TransientFault)


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"])
def test_what_is_refused_as_such_does_not_pass(service: str, code: str) -> None:
    fault = fault_of(service, lambda _: faulty_aws.answer(400, code, xml=service == "sns"))
    assert isinstance(fault, PermanentFault)
    # What was sent, and what AWS quotes of it, stays out of logs and dead letters.
    assert "said AWS" not in str(fault)
    assert code in str(fault)


def test_an_answer_that_is_expected_stays_an_answer() -> None:
    """An execution of that name exists: no fault, but what `start_once` asks."""
    machines = client("stepfunctions", lambda _: faulty_aws.answer(400, "ExecutionAlreadyExists"))
    assert start_once(machines, "arn:aws:states:::x", "name", {}) is False


def test_a_key_that_could_not_be_read_is_read_by_the_next_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameter Store throttles a cold start: the step is tried again, in the same process, and has its key."""
    answers = iter([faulty_aws.answer(400, "ThrottlingException"), _parameter("PEM")])
    monkeypatch.setattr(aws, "ssm", lambda: client("ssm", lambda _: next(answers)))
    read = wiring.signing_key_reader("/key")

    with pytest.raises(TransientFault):
        read()
    assert read() == "PEM"


def _parameter(value: str) -> AWSResponse:
    body = json.dumps({"Parameter": {"Name": "/key", "Value": value}}).encode()
    found = faulty_aws.answer(200)
    found.raw.stream = lambda *_, **__: iter([body])
    return found


def test_a_message_that_cannot_be_made_visible_again_comes_back_by_itself() -> None:
    """SQS throttles: the rest of the batch is reported all the same."""
    record = {"messageId": "m", "receiptHandle": "h", "attributes": {"ApproximateReceiveCount": "3"}}
    try_again_later(client("sqs", lambda _: faulty_aws.answer(400, "RequestThrottled")), "http://queue.test/q", record)
