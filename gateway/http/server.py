"""How uvicorn speaks HTTP here: its own protocol over httptools, with the writes of a turn of the event loop gathered.

uvicorn writes the head and the body of an answer by themselves, each at once. Under load that is a system call and a
wake-up of the client too many for every answer (docs/performance.md has the figures).
"""

import asyncio
from collections.abc import Sized
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GatheringProtocol(HttpToolsProtocol):
    """For uvicorn's option `--http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        gathering = _GatheringTransport(transport, self.loop, self.tasks)
        super().connection_made(cast("asyncio.Transport", gathering))


class _GatheringTransport:
    """A transport whose writes go out together, after what the event loop is about to do.

    `tasks` are the server's requests under way: one alone is written at once, as nobody else is waiting.
    """

    __slots__ = ("_loop", "_parts", "_tasks", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, tasks: Sized) -> None:
        self._transport = transport
        self._loop = loop
        self._tasks = tasks
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self._parts:
            self._parts.append(data)
        elif len(self._tasks) > 1:
            self._parts.append(data)
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
