"""LISTEN/NOTIFY: one connection of its own, shared by every subscriber in the process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
import structlog

log = structlog.get_logger(__name__)

RECONNECT_DELAY_SECONDS: Final = 0.5
# A subscriber that does not read loses the oldest news, never the newest.
QUEUE_SIZE: Final = 64


class Listener:
    """``async with listener.subscribe("reservations") as news:`` then ``await news.get()`` yields payloads.

    After a lost connection every subscriber gets an empty payload ``""``: something may have been missed, look
    again. Send with ``SELECT pg_notify(channel, payload)`` inside the transaction that made the news.
    """

    def __init__(self, url: str) -> None:
        self._dsn = url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._queues: dict[str, set[asyncio.Queue[str]]] = defaultdict(set)
        self._connection: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()
        self._reconnecting: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[asyncio.Queue[str]]:
        """A queue of payloads, already listening when the block is entered: read the present state after that."""
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_SIZE)
        self._queues[channel].add(queue)
        try:
            await self._listen_to(channel)
            yield queue
        finally:
            self._queues[channel].discard(queue)
            if not self._queues[channel]:
                del self._queues[channel]
                await self._unlisten(channel)

    async def close(self) -> None:
        self._closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._reconnecting
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=2)

    async def _listen_to(self, channel: str) -> None:
        async with self._lock:
            if self._connection is None or self._connection.is_closed():
                await self._open()
            elif len(self._queues[channel]) == 1:
                await self._connection.add_listener(channel, self._heard)

    async def _unlisten(self, channel: str) -> None:
        async with self._lock:
            if channel in self._queues or self._connection is None or self._connection.is_closed():
                return
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._connection.remove_listener(channel, self._heard)

    async def _open(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        connection.add_termination_listener(self._lost)
        for channel in self._queues:
            await connection.add_listener(channel, self._heard)
        self._connection = connection

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        for queue in self._queues.get(channel, ()):
            _put(queue, str(payload))

    def _lost(self, _connection: Any) -> None:
        if self._closed or not self._queues or (self._reconnecting and not self._reconnecting.done()):
            return
        log.warning("listener_connection_lost")
        self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())

    async def _reconnect(self) -> None:
        while not self._closed and self._queues:
            try:
                async with self._lock:
                    if self._connection is None or self._connection.is_closed():
                        await self._open()
            except (OSError, TimeoutError, asyncpg.PostgresError):
                await asyncio.sleep(RECONNECT_DELAY_SECONDS)
                continue
            for queues in list(self._queues.values()):
                for queue in queues:
                    _put(queue, "")
            return


def _put(queue: asyncio.Queue[str], payload: str) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(payload)
