"""The two functions behind the internal API Gateway: `suggest_handler` and `feedback_handler`.

Both answer GraphQL over HTTP with the service's own schema, as the process does, and take the service token of the
gateway; one takes queries only, the other mutations only. Events are those of HTTP APIs, payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
import structlog
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.graphql.locale import negotiate
from subgraphs.chassis.identity import Identity
from subgraphs.chassis.service_tokens import ServiceTokenVerifier, TokenRefused
from subgraphs.chassis.telemetry import configure_logging
from subgraphs.suggestions.resources import Resources, open_resources
from subgraphs.suggestions.schema import schema
from subgraphs.suggestions.settings import Settings

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 1_000_000
# The functions themselves are given 5 s.
DEADLINE_SECONDS: Final = 4.0

Answer = dict[str, Any]


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """A GraphQL request's body."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


@dataclass(frozen=True, slots=True)
class _Wired:
    verifier: ServiceTokenVerifier
    resources: Resources


def suggest_handler(event: Mapping[str, Any], context: Any) -> Answer:
    """Answers queries."""
    return _answer(event, context, OperationType.QUERY)


def feedback_handler(event: Mapping[str, Any], context: Any) -> Answer:
    """Answers mutations."""
    return _answer(event, context, OperationType.MUTATION)


@cache
def _wire() -> _Wired:
    """Once per function instance, at its first invocation: nothing is opened by importing this module."""
    settings = Settings()
    configure_logging(settings.service, settings.log_level)
    verifier = ServiceTokenVerifier(settings.service_token_jwks, settings.service)
    return _Wired(verifier, open_resources(Aws(settings), settings))


def _answer(event: Mapping[str, Any], context: Any, allowed: OperationType) -> Answer:
    wired = _wire()
    request_id = str(getattr(context, "aws_request_id", ""))
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            identity = wired.verifier.verify(headers.get("authorization"))
        except TokenRefused as exc:
            log.info("service_token_refused", reason=str(exc))
            return _text(401, "A service token is required.")
        if (event.get("requestContext") or {}).get("http", {}).get("method") != "POST":
            return _text(405, "Only POST is answered here.")
        body = _body(event)
        if body is None:
            return _text(400, "The body is not base64.")
        if len(body) > MAX_BODY_BYTES:
            return _text(413, "The body is too large.")
        try:
            request = msgspec.json.decode(body, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _text(400, "The body is not a GraphQL request.")
        answer = asyncio.run(_execute(request, allowed, wired, identity, headers, request_id))
        log.info("graphql_answered", operation=allowed.value, status=answer["statusCode"])
        return answer


async def _execute(
    request: Request,
    allowed: OperationType,
    wired: _Wired,
    identity: Identity,
    headers: Mapping[str, str],
    request_id: str,
) -> Answer:
    context = Context(
        identity=identity,
        locale=negotiate(headers.get("accept-language")),
        resources=wired.resources,
        request_id=request_id,
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            result = await schema.execute(
                request.query,
                variable_values=request.variables,
                context_value=context,
                operation_name=request.operation_name,
                allowed_operation_types=(allowed,),
            )
    except (InvalidOperationTypeError, CannotGetOperationTypeError):
        return _text(400, f"Only a {allowed.value} is answered here.")
    except TimeoutError:
        error = {"message": "The deadline has passed.", "extensions": {"code": "DEADLINE_EXCEEDED"}}
        return _json({"data": None, "errors": [error]})
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return _json(answer)


def _body(event: Mapping[str, Any]) -> bytes | None:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def _json(answer: Mapping[str, Any]) -> Answer:
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": msgspec.json.encode(answer).decode(),
        "isBase64Encoded": False,
    }


def _text(status: int, text: str) -> Answer:
    return {
        "statusCode": status,
        "headers": {"content-type": "text/plain; charset=utf-8"},
        "body": text,
        "isBase64Encoded": False,
    }
