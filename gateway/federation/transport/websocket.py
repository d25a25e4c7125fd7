"""Subscriptions to a subgraph over `graphql-transport-ws`: one connection for each identity carries many.

(Protocol: github.com/enisdenjo/graphql-ws, PROTOCOL.md.)
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing, suppress
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
_MESSAGE_BYTES = 4 * 1024 * 1024
_DONE = b""

Key = tuple[Hashable, tuple[tuple[str, str], ...]]


class WebSocketHub:
    """The connections to one URL. `queued` events wait at most for a slow consumer; then it is dropped."""

    def __init__(
        self,
        url: str,
        headers_for: Callable[[SubgraphRequest], Mapping[str, str]],
        subscriptions: int,
        queued: int,
    ) -> None:
        self._url = url
        self._headers_for = headers_for
        self._most = subscriptions
        self._queued = queued
        self._links: dict[Key, asyncio.Task[_Link]] = {}
        self._active = 0
        self._closed = False

    async def subscribe(self, request: SubgraphRequest) -> AsyncGenerator[bytes]:
        """Each event as a response body. Raises SubgraphFailure."""
        if self._closed:
            raise SubgraphRejected("is spoken to no more")
        if self._active >= self._most:
            raise SubgraphRejected("carries too many subscriptions")
        self._active += 1
        try:
            link = await self._link(request)
            async with aclosing(link.subscribe(request, self._queued)) as events:
                async for event in events:
                    yield event
        finally:
            self._active -= 1

    async def close(self) -> None:
        self._closed = True
        for task in list(self._links.values()):
            task.cancel()
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()
        self._links.clear()

    async def _link(self, request: SubgraphRequest) -> "_Link":
        headers = dict(self._headers_for(request))
        key: Key = (request.identity, tuple(sorted(request.headers.items())))
        known = self._links.get(key)
        if known is not None and not (
            known.done() and (known.cancelled() or known.exception() or known.result().closed)
        ):
            task = known
        else:
            task = asyncio.ensure_future(_open(self._url, headers, lambda: self._forget(key, task)))
            self._links[key] = task
        try:
            return await asyncio.shield(task)
        except InvalidStatus as error:
            raise SubgraphStatus(error.response.status_code) from error
        except (OSError, WebSocketException, TimeoutError) as error:
            raise SubgraphUnavailable("refused the subscription's connection") from error
        finally:
            if task.done() and (task.cancelled() or task.exception() is not None):
                self._forget(key, task)

    def _forget(self, key: Key, task: "asyncio.Task[_Link]") -> None:
        """A link has ended; by now there may be another in its place."""
        if self._links.get(key) is task:
            del self._links[key]


async def _open(url: str, headers: dict[str, str], forget: Callable[[], Any]) -> "_Link":
    socket = await connect(
        url,
        subprotocols=[_PROTOCOL],
        additional_headers=headers,
        open_timeout=_ACK_SECONDS,
        max_size=_MESSAGE_BYTES,
        proxy=None,
        compression=None,
    )
    link = _Link(socket, forget)
    try:
        async with asyncio.timeout(_ACK_SECONDS):
            await link.greet()
    except BaseException:
        await socket.close()
        raise
    return link


class _Link:
    """One open connection and the subscriptions on it."""

    def __init__(self, socket: ClientConnection, forget: Callable[[], Any]) -> None:
        self.closed = False
        self._socket = socket
        self._forget = forget
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
            except WebSocketException as error:
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
            if left and not self.closed:
                with suppress(WebSocketException, OSError):
                    await self._send({"id": name, "type": "complete"})
            if not self._queues:
                await self.close()

    async def close(self) -> None:
        self.closed = True
        self._forget()
        if self._reader is not None:
            self._reader.cancel()
        with suppress(WebSocketException, OSError):
            await self._socket.close()

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send(msgspec.json.encode(message).decode())

    async def _read_all(self) -> None:
        failure: Exception = SubgraphUnavailable("closed the subscription's connection")
        try:
            async for raw in self._socket:
                await self._take(_read(raw))
        except SubgraphMalformed as error:
            failure = error
        except (OSError, WebSocketException) as error:
            failure.__cause__ = error
        finally:
            self.closed = True
            self._forget()
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
