"""Clients of AWS, made when they are first needed and kept as long as the process. Their faults are WorkerFaults.

What botocore raises is told apart here, once, for every call of every worker:

- an answer that callers expect (a condition that does not hold, an execution that exists) stays the ClientError it is;
- what may pass (throttling, 5xx, connections and timeouts, by botocore's own rules for retries) is a TransientFault;
- everything else (access denied, a parameter that is wrong) is a PermanentFault.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from workers.runtime.errors import PermanentFault, TransientFault, WorkerFault

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.exceptions import ClientError
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

_ANSWERS = frozenset(
    {
        "ConditionalCheckFailedException",
        "ExecutionAlreadyExists",
        "InvalidToken",
        "TaskDoesNotExist",
        "TaskTimedOut",
    }
)
# Beside what botocore retries: credentials that the next call has renewed, and a limit on how many run at once.
_PASSING = frozenset({"ExecutionLimitExceeded", "ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# Two attempts take no longer than most of a five-second invocation. The rest of the patience is the queue's or the
# state machine's, which holds no function while it waits.
_CONNECT_SECONDS = 1
_READ_SECONDS = 1.5
_ATTEMPTS = 2


def make_client(service: str, **options: Any) -> Any:
    """A client whose faults are WorkerFaults; `options` are those of boto3."""
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    return _session().client(service, **{"config": config, **options})  # type: ignore[call-overload]


@functools.cache
def _session() -> Session:
    import boto3

    session = boto3.Session()
    # botocore's own way to extend a client: one override for all of its operations.
    session.events.register("creating-client-class", _map_faults)
    return session


def _map_faults(base_classes: list[type], **_: Any) -> None:
    class Mapped:
        meta: Any

        def _make_api_call(self, operation: str, parameters: Any) -> Any:
            from botocore.exceptions import BotoCoreError, ClientError
            from botocore.parsers import ResponseParserError

            try:
                return super()._make_api_call(operation, parameters)  # type: ignore[misc]
            except ClientError as exc:
                if _code(exc) in _ANSWERS:
                    raise
                raise _of_answer(exc, self.meta.service_model.operation_model(operation)) from exc
            except (BotoCoreError, ResponseParserError) as exc:
                raise _of_connection(exc, operation) from exc

    base_classes.insert(0, Mapped)


def _of_answer(exc: ClientError, operation: OperationModel) -> WorkerFault:
    # The message is left out: it may quote what was sent.
    said = f"{operation.service_model.service_name}:{operation.name} answered {_code(exc)}"
    return TransientFault(said) if _may_pass(exc, operation) else PermanentFault(said)


def _may_pass(exc: ClientError, operation: OperationModel) -> bool:
    from botocore.retries import standard

    status = int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = _code(exc)
    if code in _PASSING or "throttl" in code.lower():
        return True
    context = standard.RetryContext(
        attempt_number=1,
        operation_model=operation,
        parsed_response=exc.response,
        http_response=SimpleNamespace(status_code=status),
    )
    checkers = (
        standard.TransientRetryableChecker(),
        standard.ThrottledRetryableChecker(),
        standard.ModeledRetryableChecker(),
    )
    return any(checker.is_retryable(context) for checker in checkers)


def _of_connection(exc: Exception, operation: str) -> WorkerFault:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    said = f"{operation} had no answer: {type(exc).__name__}"
    passing = (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError,
        ResponseParserError,
    )
    return TransientFault(said) if isinstance(exc, passing) else PermanentFault(said)


def _code(exc: ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


@functools.cache
def _client(service: str) -> Any:
    return make_client(service)


def dynamodb() -> DynamoDBClient:
    client: DynamoDBClient = _client("dynamodb")
    return client


def sns() -> SNSClient:
    client: SNSClient = _client("sns")
    return client


def sqs() -> SQSClient:
    client: SQSClient = _client("sqs")
    return client


def ssm() -> SSMClient:
    client: SSMClient = _client("ssm")
    return client


def stepfunctions() -> SFNClient:
    client: SFNClient = _client("stepfunctions")
    return client
