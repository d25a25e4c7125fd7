"""Subscriptions to a subgraph over `graphql-transport-ws`: one connection for each identity carries many.

(Protocol: github.com/enisdenjo/graphql-ws, PROTOCOL.md.)
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from gateway.federation.errors import (
    SubgraphMalformed,
    SubgraphRejected,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from gateway.federation.request import SubgraphRequest

_PROTOCOL = Subprotocol("graphql-transport-ws")
_ACK_SECONDS = 5.0
_SEND_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_MESSAGE_BYTES = 4 * 1024 * 1024
_DONE = b""

Key = tuple[Hashable, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Subscriptions in all and on one connection, connections, and events that wait for a slow consumer."""

    subscriptions: int = 5_000
    per_link: int = 1_000
    links: int = 4_000
    queued_events: int = 64


class WebSocketHub:
    """The connections to one URL. Each is there for whoever uses it, and closed when nobody does."""

    def __init__(
        self, url: str, headers_for: Callable[[SubgraphRequest], Mapping[str, str]], limits: SocketLimits
    ) -> None:
        self._url = url
        self._headers_for = headers_for
        self._limits = limits
        self._links: dict[Key, _Shared] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._active = 0
        self._closed = False

    async def subscribe(self, request: SubgraphRequest) -> AsyncGenerator[bytes]:
        """Each event as a response body. Raises SubgraphFailure."""
        if self._closed:
            raise SubgraphRejected("is spoken to no more")
        if self._active >= self._limits.subscriptions:
            raise SubgraphRejected("carries too many subscriptions")
        self._active += 1
        try:
            shared = self._join(request)
            try:
                link = await _opened(shared.opening)
                async with aclosing(link.subscribe(request, self._limits.queued_events)) as events:
                    async for event in events:
                        yield event
            finally:
                self._leave(shared)
        finally:
            self._active -= 1

    async def close(self) -> None:
        self._closed = True
        for shared in list(self._links.values()):
            self._give_up(shared)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSE_SECONDS)

    def _join(self, request: SubgraphRequest) -> "_Shared":
        """The connection that this request's subscription uses, opened or being opened."""
        key: Key = (request.identity, tuple(sorted(request.headers.items())))
        shared = self._links.get(key)
        if shared is None or shared.is_over:
            if len(self._links) >= self._limits.links:
                raise SubgraphRejected("carries subscriptions of too many callers")
            headers = dict(self._headers_for(request))
            shared = self._links[key] = _Shared(key, asyncio.ensure_future(_open(self._url, headers)))
        if shared.users >= self._limits.per_link:
            raise SubgraphRejected("carries too many subscriptions of one caller")
        shared.users += 1
        return shared

    def _leave(self, shared: "_Shared") -> None:
        """Whoever leaves last, before it is open or after, takes the connection along. Nothing here waits."""
        shared.users -= 1
        if not shared.users:
            self._give_up(shared)

    def _give_up(self, shared: "_Shared") -> None:
        if self._links.get(shared.key) is shared:
            del self._links[shared.key]
        if not shared.is_given_up:
            shared.is_given_up = True
            closing = asyncio.ensure_future(_close(shared.opening))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


@dataclass(slots=True, eq=False)
class _Shared:
    """A connection, and how many subscriptions use it or wait for it."""

    key: Key
    opening: "asyncio.Task[_Link]"
    users: int = 0
    is_given_up: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody can subscribe on it any more."""
        if self.is_given_up:
            return True
        opening = self.opening
        return opening.done() and (opening.cancelled() or opening.exception() is not None or opening.result().closed)


async def _opened(opening: "asyncio.Task[_Link]") -> "_Link":
    """Waits for a connection that others may wait for as well. Raises SubgraphFailure."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        if opening.cancelled() and not _is_cancelled():
            raise SubgraphUnavailable("closed the subscription's connection") from None
        raise
    except InvalidStatus as error:
        raise SubgraphStatus(error.response.status_code) from error
    except (OSError, WebSocketException, TimeoutError) as error:
        raise SubgraphUnavailable("refused the subscription's connection") from error


def _is_cancelled() -> bool:
    """Whether it is the running task that is to end, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(opening: "asyncio.Task[_Link]") -> None:
    """Ends a connection, also one that is still being opened."""
    opening.cancel()
    await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


async def _open(url: str, headers: dict[str, str]) -> "_Link":
    socket = await connect(
        url,
        subprotocols=[_PROTOCOL],
        additional_headers=headers,
        open_timeout=_ACK_SECONDS,
        close_timeout=_CLOSE_SECONDS,
        max_size=_MESSAGE_BYTES,
        proxy=None,
        compression=None,
    )
    link = _Link(socket)
    try:
        async with asyncio.timeout(_ACK_SECONDS):
            await link.greet()
    except BaseException:
        socket.transport.abort()
        raise
    return link


class _Link:
    """One open connection and the subscriptions on it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.closed = False
        self._socket = socket
        self._ids = count(1)
        self._queues: dict[str, asyncio.Queue[bytes | Exception]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def greet(self) -> None:
        """The handshake: `connection_init`, then `connection_ack`."""
        await self._send({"type": "connection_init", "payload": {}})
        while True:
            message = _read(await self._socket.recv())
            if message.get("type") == "connection_ack":
                break
            if message.get("type") == "ping":
                await self._send({"type": "pong"})
            else:
                raise SubgraphMalformed("did not acknowledge the connection")
        self._reader = asyncio.ensure_future(self._read_all())

    async def subscribe(self, request: SubgraphRequest, queued: int) -> AsyncGenerator[bytes]:
        name = str(next(self._ids))
        queue: asyncio.Queue[bytes | Exception] = asyncio.Queue(queued)
        self._queues[name] = queue
        try:
            body = {"query": request.query, "variables": msgspec.Raw(request.variables or b"{}")}
            try:
                await self._send({"id": name, "type": "subscribe", "payload": body})
            except (WebSocketException, OSError, TimeoutError) as error:
                raise SubgraphUnavailable("closed the subscription's connection") from error
            while True:
                event = await queue.get()
                if isinstance(event, Exception):
                    raise event
                if event == _DONE:
                    return
                yield event
        finally:
            left = self._queues.pop(name, None) is not None
            # The last one takes the connection along, which says it all.
            if left and self._queues and not self.closed:
                with suppress(WebSocketException, OSError, TimeoutError):
                    await self._send({"id": name, "type": "complete"})

    async def close(self) -> None:
        self.closed = True
        if self._reader is not None:
            self._reader.cancel()
        with suppress(WebSocketException, OSError):
            await self._socket.close()

    async def _send(self, message: dict[str, Any]) -> None:
        """Raises TimeoutError when the other side has stopped reading."""
        async with asyncio.timeout(_SEND_SECONDS):
            await self._socket.send(msgspec.json.encode(message).decode())

    async def _read_all(self) -> None:
        failure: Exception = SubgraphUnavailable("closed the subscription's connection")
        try:
            async for raw in self._socket:
                await self._take(_read(raw))
        except SubgraphMalformed as error:
            failure = error
            self._socket.transport.abort()
        except (OSError, WebSocketException) as error:  # TimeoutError is an OSError
            failure.__cause__ = error
        finally:
            self.closed = True
            for name in list(self._queues):
                self._end(name, failure)

    async def _take(self, message: dict[str, Any]) -> None:
        kind, name = message.get("type"), str(message.get("id"))
        if kind == "next":
            if not self._offer(name, msgspec.json.encode(message.get("payload"))):
                await self._send({"id": name, "type": "complete"})
        elif kind == "error":
            self._offer(name, msgspec.json.encode({"data": None, "errors": message.get("payload")}))
            self._offer(name, _DONE)
        elif kind == "complete":
            self._offer(name, _DONE)
        elif kind == "ping":
            await self._send({"type": "pong"})

    def _offer(self, name: str, event: bytes) -> bool:
        """Whether the subscription goes on: a consumer that cannot follow must not make the others wait."""
        queue = self._queues.get(name)
        if queue is not None and queue.full():
            self._end(name, SubgraphTimeout("sent events faster than they were taken"))
            del self._queues[name]
            return False
        if queue is not None:
            queue.put_nowait(event)
        return True

    def _end(self, name: str, failure: Exception) -> None:
        queue = self._queues.get(name)
        if queue is None:
            return
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(failure)


def _read(raw: str | bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise SubgraphMalformed("sent what is not JSON") from error
    if not isinstance(message, dict):
        raise SubgraphMalformed("sent what is no message")
    return message
