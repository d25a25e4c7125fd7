"""Who watches a row is told that it has changed: in this process at once, in others by PostgreSQL's NOTIFY.

News is told after the commit, not by ``pg_notify`` inside the transaction: that takes a lock on the whole database
cluster for the length of the commit, so that commits queue up behind each other (docs/adr/0013).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import NEWS_MARK, Database

log = structlog.get_logger(__name__)

RECONNECT_DELAY_SECONDS: Final = 0.5
# How long a dead connection may go unnoticed.
PING_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 3.0
_PAYLOAD_BYTES: Final = 7_900  # PostgreSQL takes less than 8,000
_MOST_UNSENT: Final = 20_000
_EVERYBODY: Final = "*"


class News:
    """What one watcher has to know: whether something has changed since it looked. It remembers no list to overflow."""

    __slots__ = ("_changed", "_event")

    def __init__(self) -> None:
        self._changed = False
        self._event = asyncio.Event()

    def has_changed(self) -> bool:
        """Whether it was told since ``clear``."""
        return self._changed

    def tell(self) -> None:
        """Something has changed: look again."""
        self._changed = True
        self._event.set()

    def wake(self) -> None:
        """Nothing has changed, but the wait is over."""
        self._event.set()

    def clear(self) -> None:
        """Call it before looking: what is told from now on may not be seen by that look."""
        self._changed = False
        self._event.clear()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it is told or woken; at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()


class Listener:
    """``with listener.watch(key) as news:`` look at the row, then ``await news.wait()`` and look again.

    Keys are short texts without blanks. ``tell_after_commit`` in a transaction of ``database`` is what tells. While
    the connection for NOTIFY is away this process still hears of itself; when it is back everybody looks again.
    """

    def __init__(self, database: Database, channel: str) -> None:
        self._dsn = database.url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._channel = channel
        self._watchers: dict[str, set[News]] = defaultdict(set)
        self._unsent: dict[str, None] = {}
        self._to_send = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pid = 0
        database.on_news = self.tell

    def __len__(self) -> int:
        """How many keys are watched."""
        return len(self._watchers)

    @contextmanager
    def watch(self, key: str) -> Iterator[News]:
        """News of one key. Look at the row after the block is entered."""
        self._start()
        news = News()
        self._watchers[key].add(news)
        try:
            yield news
        finally:
            self._watchers[key].discard(news)
            if not self._watchers[key]:
                del self._watchers[key]

    def tell(self, keys: Iterable[str]) -> None:
        """Tells the watchers of these keys, in this process now and in the others in a moment."""
        self._start()
        told = list(keys)
        self.tell_here(told)
        self._unsent |= dict.fromkeys(told)
        if len(self._unsent) > _MOST_UNSENT:
            self._unsent = {_EVERYBODY: None}
        self._to_send.set()

    def tell_here(self, keys: Iterable[str]) -> None:
        """Tells the watchers in this process alone."""
        for key in keys:
            told = self._watchers.values() if key == _EVERYBODY else (self._watchers.get(key, ()),)
            for watchers in told:
                for news in watchers:
                    news.tell()

    async def close(self) -> None:
        """What was told in the last moment may not reach other processes: their watchers look by themselves."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="listener")

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                log.warning("listener_connection_lost", error=type(exc).__name__)
                await asyncio.sleep(RECONNECT_DELAY_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        try:
            self._pid = connection.get_server_pid()
            connection.add_termination_listener(lambda _: self._to_send.set())
            await connection.add_listener(self._channel, self._heard)
            self.tell_here((_EVERYBODY,))  # something may have been missed
            while True:
                await self._send(connection)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PING_SECONDS):
                        await self._to_send.wait()
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    async def _send(self, connection: asyncpg.Connection[Any]) -> None:
        self._to_send.clear()
        sending, self._unsent = self._unsent, {}
        try:
            await connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                self._channel,
                list(_payloads(sending)),
                timeout=_ANSWER_SECONDS,
            )
        except BaseException:
            self._unsent = {**sending, **self._unsent}
            raise

    def _heard(self, _connection: Any, pid: int, _channel: str, payload: object) -> None:
        if pid != self._pid:
            self.tell_here(str(payload).split())


def tell_after_commit(connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Once this transaction is committed, whoever watches one of the keys is told to look again."""
    connection.info.setdefault(NEWS_MARK, []).extend(keys)


def _payloads(keys: Iterable[str]) -> Iterator[str]:
    """The keys with blanks between them, as many in each text as NOTIFY takes."""
    line: list[str] = []
    length = 0
    for key in keys:
        if line and length + len(key) + 1 > _PAYLOAD_BYTES:
            yield " ".join(line)
            line, length = [], 0
        line.append(key)
        length += len(key) + 1
    if line:
        yield " ".join(line)
