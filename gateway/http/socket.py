"""`graphql-transport-ws`: queries, mutations and subscriptions over one WebSocket.

(Protocol: github.com/enisdenjo/graphql-ws, PROTOCOL.md.)
"""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import aclosing
from math import inf
from typing import Any, Final

import msgspec
import structlog

from gateway.federation import Engine, GraphQLRequest, RequestRefused
from gateway.http.address import read_address
from gateway.http.admission import Admissions, Admitted, Overloaded
from gateway.http.asgi import Receive, Scope, Send, read_headers
from gateway.http.caller import Authenticate, Caller, NotAuthenticated
from gateway.http.guards import is_own_origin
from gateway.http.limits import DoorLimits
from gateway.http.locale import locale_headers
from gateway.http.parameters import Parameters, check_parameters
from gateway.http.refusals import HttpRefusal, overloaded
from gateway.http.streaming import to_its_end
from gateway.http.streams import Place, Streams

log = structlog.get_logger(__name__)

PROTOCOL: Final = "graphql-transport-ws"
_ID_LENGTH: Final = 200
_INTERNAL: Final = [{"message": "Unexpected error.", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]


class _Closed(Exception):
    """The socket is to be closed with this code; a reason has at most 123 bytes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Socket:
    """One client's connection."""

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticate,
        limits: DoorLimits,
        streams: Streams,
        admissions: Admissions,
    ) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._limits = limits
        self._streams = streams
        self._admissions = admissions
        self._caller: Caller | None = None
        self._initialised = False
        self._init_by = time.monotonic() + limits.init_seconds
        self._language: str | None = None
        self._authorization: str | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        # Without an operation, the socket is closed then.
        self._idle_by = 0.0
        self._timer: asyncio.Timeout | None = None
        self._place: Place

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = read_headers(scope)
        if not is_own_origin(headers):
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: HTTP 403
            return
        self._send = send
        self._authorization = _text(headers.get(b"authorization"))
        self._language = _text(headers.get(b"accept-language"))
        known = PROTOCOL in scope.get("subprotocols", ())
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if known else None})
        if not known:
            await self._close(4406, "Subprotocol not acceptable")
            return
        place = self._streams.arrive(read_address(scope, self._limits.trusted_proxies))
        if place is None:
            await self._close(1013, "Too many connections")
            return
        self._place = place
        try:
            await self._converse(receive)
        finally:
            self._place.close()

    async def _converse(self, receive: Receive) -> None:
        try:
            while (text := await self._receive(receive)) is not None:
                await self._take(_read(text, self._limits.message_bytes))
        except _Closed as closed:
            await self._close(closed.code, str(closed))
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self, receive: Receive) -> Any:
        """A message's text, or None when the client has gone. Raises _Closed when it took too long or too much."""
        try:
            # A client that never pauses would never meet a time limit of nothing.
            if self._must_end_by() <= time.monotonic():
                raise TimeoutError
            async with asyncio.timeout(None) as self._timer:
                self._set_timer()
                message = await receive()
        except TimeoutError as exc:
            raise self._what_ended() from exc
        finally:
            self._timer = None
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if text is None:
            raise _Closed(4400, "Messages are text")
        return text

    def _must_end_by(self) -> float:
        """A time of `time.monotonic`, with the operations that run now."""
        now = time.monotonic()
        if self._caller is None:
            return self._init_by
        token = inf if self._caller.expires_at is None else now + self._caller.expires_at - time.time()
        return token if self._running else min(token, self._idle_by)

    def _set_timer(self) -> None:
        """For the message that is waited for now."""
        end = self._must_end_by()
        if self._timer is not None and not self._timer.expired():
            left = end - time.monotonic()
            self._timer.reschedule(None if end == inf else asyncio.get_running_loop().time() + left)

    def _what_ended(self) -> _Closed:
        if self._caller is None:
            return _Closed(4408, "Connection initialisation timeout")
        if self._caller.expires_at is not None and self._caller.expires_at <= time.time():
            return _Closed(4403, "The access token has expired")
        return _Closed(1000, "No operation runs")

    def _begin_idling(self) -> None:
        self._idle_by = time.monotonic() + self._limits.idle_seconds
        self._set_timer()

    async def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._initialise(message.get("payload"))
            case "ping":
                await self._write({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                task = self._running.pop(_operation_id(message), None)
                if task is not None:
                    task.cancel()
                    if not self._running:
                        self._begin_idling()
            case _:
                raise _Closed(4400, "Invalid message type")

    async def _initialise(self, payload: Any) -> None:
        if self._initialised:
            raise _Closed(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise _Closed(4400, "Invalid connection_init payload")
        self._initialised = True
        given = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        authorization = given.get("authorization") or self._authorization
        self._language = given.get("accept-language") or self._language
        try:
            self._caller = await self._authenticate(authorization)
        except NotAuthenticated as exc:
            raise _Closed(4403 if exc.status == 401 else 1013, str(exc)) from exc
        if not self._place.identify(self._caller.identity):
            raise _Closed(1013, "Too many connections")
        self._begin_idling()
        await self._write({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if self._caller is None:
            raise _Closed(4401, "Unauthorized")
        name = _operation_id(message)
        if name in self._running:
            raise _Closed(4409, f"Subscriber for {name[:80]!a} already exists")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise _Closed(4400, "Invalid subscribe payload")
        try:
            parameters = check_parameters(payload)
        except HttpRefusal as refusal:
            raise _Closed(4400, str(refusal)) from refusal
        if len(self._running) >= self._limits.operations_per_socket:
            code = {"code": "TOO_MANY_OPERATIONS"}
            await self._error(name, [{"message": "Too many operations run on this connection.", "extensions": code}])
            return
        task = asyncio.ensure_future(self._run(name, self._request(parameters, self._caller)))
        self._running[name] = task

    def _request(self, parameters: Parameters, caller: Caller) -> GraphQLRequest:
        return GraphQLRequest(
            query=parameters.query,
            operation_name=parameters.operation_name,
            variables=parameters.variables,
            extensions=parameters.extensions,
            identity=caller.identity,
            headers=locale_headers(self._language),
        )

    async def _run(self, name: str, request: GraphQLRequest) -> None:
        task = asyncio.current_task()
        place: Admitted | None = None
        try:
            kind = self._engine.operation_kind(request.query, request.operation_name)
            if kind != "subscription":
                lane = self._admissions.mutations if kind == "mutation" else self._admissions.queries
                place = await lane.enter()
                request.deadline = asyncio.get_running_loop().time() + self._limits.request_seconds
            bodies = self._engine.subscribe(request)
            if kind == "mutation":
                bodies = to_its_end(bodies)
            async with aclosing(bodies) as events:
                async for event in events:
                    await self._next(name, event)
            await self._finish(name, task, self._write({"type": "complete", "id": name}))
        except RequestRefused as refused:
            await self._finish(name, task, self._error(name, refused.errors))
        except Overloaded as exc:
            await self._finish(name, task, self._error(name, overloaded(exc.retry_after).errors))
        except Exception:
            log.exception("operation_failed")
            await self._finish(name, task, self._error(name, _INTERNAL))
        finally:
            if place is not None:
                place.leave()

    async def _finish(self, name: str, task: Any, last_word: Awaitable[None]) -> None:
        """The id is free again before the client can know that the operation has ended."""
        if self._running.get(name) is task:
            del self._running[name]
            if not self._running:
                self._begin_idling()
        await last_word

    async def _next(self, name: str, body: bytes) -> None:
        head = msgspec.json.encode(name)
        text = b'{"id":' + head + b',"type":"next","payload":' + body + b"}"
        await self._send({"type": "websocket.send", "text": text.decode()})

    async def _error(self, name: str, errors: Any) -> None:
        await self._write({"id": name, "type": "error", "payload": errors})

    async def _write(self, message: dict[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def _close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason[:120]})


def _read(text: str, most: int) -> dict[str, Any]:
    if len(text) > most:
        raise _Closed(1009, "Message too large")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as exc:
        raise _Closed(4400, "Invalid message") from exc
    if not isinstance(message, dict):
        raise _Closed(4400, "Invalid message")
    return message


def _operation_id(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _ID_LENGTH:
        raise _Closed(4400, "Invalid operation id")
    return name


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
