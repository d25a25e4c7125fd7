"""Places in line: each line is read once for all who wait in it, every two seconds, while somebody does.

The one formula: a position is the number of recorded requests of the line that come after the one that was decided
last, up to and including mine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from subgraphs.chassis.database import Database
from subgraphs.ticketing.domain.waiting_line import WaitingLine
from subgraphs.ticketing.queued_requests import LineId, QueuedRequests
from subgraphs.ticketing.repositories import catalogue

log = structlog.get_logger(__name__)

REFRESH_SECONDS: Final = 2.0
MOST_LINES: Final = 1_000
PAGE: Final = 1_000
_PAGES_AT_ONCE: Final = 10
_LINES_AT_ONCE: Final = 4
_IDLE_SECONDS: Final = 10.0
_FIRST_READ_SECONDS: Final = 1.0
_READ_SECONDS: Final = 5.0
# Telling costs a message each: with thousands in line those hear first who have not heard for the longest time.
TOLD_AT_ONCE: Final = 250
_TOLD_AT_LEAST_EVERY: Final = 15.0
_COUNTED_AT_ONCE: Final = 500


class Standing:
    """One watcher in a line: ``wake`` is called when the position has moved enough to be told."""

    __slots__ = ("_line", "_number", "_wake", "told", "told_at")

    def __init__(self, line: WaitingLine, number: int, wake: Callable[[], None]) -> None:
        self._line = line
        self._number = number
        self._wake = wake
        self.told: int | None = None
        self.told_at = 0.0

    def tell(self, now: float) -> int | None:
        """The position of now, which counts as told."""
        self.told, self.told_at = self._line.position(self._number), now
        return self.told

    def is_due(self, now: float) -> bool:
        """Near the head each step is told, further back each tenth, and every step after a while."""
        position = self._line.position(self._number)
        if position == self.told:
            return False
        if position is None or self.told is None:
            return True
        return abs(self.told - position) * 10 >= self.told or now - self.told_at >= _TOLD_AT_LEAST_EVERY

    def wake(self) -> None:
        self._wake()


class _Line:
    def __init__(self, id_: LineId) -> None:
        self.id = id_
        self.numbers = WaitingLine()
        self.known = False
        self.standing: set[Standing] = set()
        self.first_read = asyncio.Event()
        self.read_at = float("-inf")
        self.asked_at = 0.0
        self.checked = 0


class WaitingLines:
    """``run`` reads; the others only look at what has been read."""

    def __init__(
        self, database: Database, requests: QueuedRequests, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._requests = requests
        self._clock = clock
        self._lines: dict[LineId, _Line] = {}
        self._asked = asyncio.Event()

    async def position(self, id_: LineId, number: int) -> int | None:
        """None when it cannot be told now. Waits a second at most, for a line that nobody has asked for before."""
        line = self._line(id_)
        if line is None:
            return None
        if not line.first_read.is_set():
            try:
                async with asyncio.timeout(_FIRST_READ_SECONDS):
                    await line.first_read.wait()
            except TimeoutError:
                return None
        return line.numbers.position(number) if line.known else None

    @contextmanager
    def stand(self, id_: LineId, number: int, wake: Callable[[], None]) -> Iterator[Standing]:
        """Keeps the line read while the block lasts, and calls ``wake`` when there is a position worth telling."""
        line = self._line(id_) or _Line(id_)  # one that is not read tells nothing
        standing = Standing(line.numbers, number, wake)
        line.standing.add(standing)
        try:
            yield standing
        finally:
            line.standing.discard(standing)

    async def run(self, stopping: asyncio.Event) -> None:
        """Reads until ``stopping``. A line that cannot be read keeps what was known of it."""
        while not stopping.is_set():
            self._asked.clear()
            await self.refresh()
            await _either(stopping, self._asked, self._pause())

    async def refresh(self) -> None:
        """One round of ``run``: reads the lines that were not read for two seconds, forgets those that nobody needs."""
        now = self._clock()
        self._forget_idle(now)
        due = [line for line in self._lines.values() if now - line.read_at >= REFRESH_SECONDS]
        if due:
            await self._read(due)

    def _line(self, id_: LineId) -> _Line | None:
        line = self._lines.get(id_)
        if line is None:
            if len(self._lines) >= MOST_LINES:
                return None
            line = self._lines[id_] = _Line(id_)
            self._asked.set()
        line.asked_at = self._clock()
        return line

    def _forget_idle(self, now: float) -> None:
        idle = [line.id for line in self._lines.values() if not line.standing and now - line.asked_at > _IDLE_SECONDS]
        for id_ in idle:
            del self._lines[id_]

    def _pause(self) -> float:
        now = self._clock()
        return max(0.01, min((line.read_at + REFRESH_SECONDS - now for line in self._lines.values()), default=60.0))

    async def _read(self, due: Sequence[_Line]) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS), self._database.connect() as connection:
                served = await catalogue.served_sequences(connection, {line.id.sector_id for line in due})
        except Exception as exc:  # whatever the driver raises means the same here: try again in two seconds
            log.warning("waiting_lines_not_read", lines=len(due), error=type(exc).__name__)
            served = None
        free = asyncio.Semaphore(_LINES_AT_ONCE)

        async def read(line: _Line) -> None:
            async with free:
                await self._read_line(
                    line, None if served is None else served.get((line.id.session_id, line.id.sector_id))
                )

        await asyncio.gather(*(read(line) for line in due))

    async def _read_line(self, line: _Line, served: int | None) -> None:
        # A request may name a sector that is not of its session: such a line is never served.
        line.known = line.known or served is not None
        if served is not None:
            line.numbers.serve(served)
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    await self._read_numbers(line)
            except Exception as exc:  # as above
                log.warning("waiting_line_not_read", sector_id=str(line.id.sector_id), error=type(exc).__name__)
        line.read_at = self._clock()
        line.first_read.set()
        await self._wake_due(line)

    async def _read_numbers(self, line: _Line) -> None:
        """A short line as a whole. Of a long one what is new, and one more page of what is known already.

        For a request may be recorded later than one behind it, and so be found only by looking again.
        """
        numbers = line.numbers
        if len(numbers) >= PAGE:
            line.checked = await self._read_page(line, max(line.checked, numbers.served)) or 0
        after: int | None = numbers.last if len(numbers) >= PAGE else numbers.served
        for _ in range(_PAGES_AT_ONCE):
            if after is None:
                break
            after = await self._read_page(line, after)

    async def _read_page(self, line: _Line, after: int) -> int | None:
        """The last number of a full page, which another may follow; None at the end of the line."""
        page = await self._requests.waiting(line.id, after=after, limit=PAGE)
        full = len(page) == PAGE
        line.numbers.replace(after, page, full=full)
        return page[-1] if full else None

    async def _wake_due(self, line: _Line) -> None:
        now, due = self._clock(), []
        for count, standing in enumerate(list(line.standing)):
            if count % _COUNTED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if standing.is_due(now):
                due.append(standing)
        due.sort(key=lambda standing: standing.told_at)
        for standing in due[:TOLD_AT_ONCE]:
            standing.wake()


async def _either(stopping: asyncio.Event, asked: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (stopping, asked)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
