"""The ASGI layer that admits operations: in time, for callers who are still there (`admission.py` says how many)."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, TypeAlias

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from subgraphs.chassis.admission import Admission, Overloaded
from subgraphs.chassis.endpoint import seconds_left
from subgraphs.chassis.gatekeeper import GRAPHQL_PATH, BodyTooLarge
from subgraphs.chassis.leaving import caller_gone

log = structlog.get_logger(__name__)

# Everybody who is let in by a service token; those of each name have places of their own.
_OTHERS: Final = "others"
_CALLERS: Final = ("gateway", "workers", _OTHERS)

Lanes: TypeAlias = dict[str, Admission]


def make_lanes() -> Lanes:
    """The places of each kind of caller."""
    return {caller: Admission() for caller in _CALLERS}


class Admitted:
    """Admits what is posted to ``/graphql``; stands behind the gatekeeper, which says who calls.

    Refused: 503 with a GraphQL error ``OVERLOADED``, ``retryAfterMs`` in its extensions, and ``Retry-After``. What is
    not begun, and a query that is, ends when its caller goes away; a mutation that has begun is brought to its end, but
    for what it does in ``leaving.while_wanted``.
    The gateway's operations and the workers' take no places from each other.
    """

    def __init__(self, app: ASGIApp, lanes: Lanes) -> None:
        self._app = app
        self._lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != GRAPHQL_PATH:
            await self._app(scope, receive, send)
            return
        caller = scope["state"]["identity"].caller
        lane = self._lanes.get(caller) or self._lanes[_OTHERS]
        header = dict(scope["headers"]).get(b"x-request-timeout-ms", b"").decode("latin-1")
        until = scope["state"]["deadline"] = asyncio.get_running_loop().time() + seconds_left(header)
        request = _Request(receive)
        await request.read()
        caller_gone.set(request.gone)
        serving = asyncio.ensure_future(self._serve(lane, scope, request, send, until))
        leaving = asyncio.ensure_future(request.wait_until_gone())
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done() and not (request.begun and request.mutates):
                serving.cancel()
                log.info("caller_gone", begun=request.begun)
            await asyncio.wait({serving})
        except asyncio.CancelledError:
            serving.cancel()
            raise
        finally:
            leaving.cancel()
        if not serving.cancelled():
            serving.result()

    async def _serve(self, lane: Admission, scope: Scope, request: _Request, send: Send, until: float) -> None:
        try:
            await lane.enter(until)
        except Overloaded as refusal:
            await _refuse(send, refusal.retry_after)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        request.begun = True
        try:
            await self._app(scope, request.replay, send)
        finally:
            now = loop.time()
            lane.leave(now - began, now)


class _Request:
    """A request's body, read to its end: from then on the connection tells only that its caller has gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []
        self._replayed = 0
        self._fault: BodyTooLarge | None = None
        self.gone = asyncio.Event()
        self.begun = False

    async def read(self) -> None:
        try:
            more = True
            while more:
                message = await self._receive()
                self._messages.append(message)
                more = message["type"] == "http.request" and message.get("more_body", False)
        except BodyTooLarge as exc:
            # The application answers it.
            self._fault = exc

    @property
    def mutates(self) -> bool:
        """True as well for a query that has the word in it: it is then brought to its end for nobody."""
        return b"mutation" in b"".join(message.get("body", b"") for message in self._messages)

    async def wait_until_gone(self) -> None:
        if self._fault is not None:
            await self.gone.wait()
        if all(message["type"] != "http.disconnect" for message in self._messages):
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self.gone.set()

    async def replay(self) -> Message:
        """As ``receive`` would have it."""
        if self._replayed < len(self._messages):
            self._replayed += 1
            return self._messages[self._replayed - 1]
        if self._fault is not None:
            raise self._fault
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def _refuse(send: Send, retry_after: float) -> None:
    milliseconds = round(retry_after * 1000)
    error = {
        "message": "Too much to do at the moment.",
        "extensions": {"code": "OVERLOADED", "retryAfterMs": milliseconds},
    }
    body = json.dumps({"errors": [error]}).encode()
    headers: list[Any] = [
        (b"content-type", b"application/graphql-response+json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % -(-milliseconds // 1000)),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
