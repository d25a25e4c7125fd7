"""The ASGI layer in front of everything: service token, body limit, request id, trace id."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from subgraphs.chassis.service_tokens import ServiceTokenVerifier, TokenRefused

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 1_000_000
GRAPHQL_PATH: Final = "/graphql"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,100}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Gatekeeper:
    """Refuses ``/graphql`` without a valid service token: 401, on the WebSocket upgrade too (before it is accepted).

    The identity is left in ``scope["state"]["identity"]``. Other paths (health, webhooks, JWKS) need no token, but
    have the body limit as well: 413.
    """

    def __init__(self, app: ASGIApp, verifier: ServiceTokenVerifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _request_id(headers)
        traceparent = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        fields = {"request_id": request_id} | ({"trace_id": traceparent[1].decode()} if traceparent else {})
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(**fields):
            if scope["path"].rstrip("/") == GRAPHQL_PATH:
                try:
                    authorization = headers.get(b"authorization", b"").decode("latin-1")
                    scope["state"]["identity"] = self._verifier.verify(authorization)
                except TokenRefused as exc:
                    log.info("service_token_refused", reason=str(exc))
                    await _refuse(scope, receive, send, 401, b"A service token is required.")
                    return
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
                return
            if int(headers.get(b"content-length", b"0") or 0) > MAX_BODY_BYTES:
                await _refuse(scope, receive, send, 413, b"The body is too large.")
                return
            await self._app(scope, _limited(receive), _tagged(send, request_id))


class BodyTooLarge(Exception):
    """A body without Content-Length grew past the limit; the app answers 413."""


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _limited(receive: Receive) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise BodyTooLarge
        return message

    return limited


def _tagged(send: Send, request_id: str) -> Send:
    async def tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
        await send(message)

    return tagged


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: bytes) -> None:
    headers: list[Any] = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    prefix = "http"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 4401})
            return
        prefix = "websocket.http"
    elif status == 413:
        # The rest of the body will not be read, so the connection cannot be used again.
        headers.append((b"connection", b"close"))
    await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": text})
