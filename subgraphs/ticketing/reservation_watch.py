"""Following reservations: what a watcher sees first, what makes it look again, and how many may watch."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from uuid import UUID

import structlog

from subgraphs.chassis.database import Database
from subgraphs.chassis.listener import Listener, News
from subgraphs.ticketing.domain.reservation_states import SETTLED, ReservationStatus
from subgraphs.ticketing.queued_requests import QueuedRequest, QueuedRequests
from subgraphs.ticketing.repositories.reservation_lists import changed_since_told
from subgraphs.ticketing.reservation_looks import Key, ReservationLooks
from subgraphs.ticketing.use_cases.look_up_reservations import ReservationView
from subgraphs.ticketing.waiting_lines import WaitingLines

log = structlog.get_logger(__name__)

CHANNEL: Final = "reservation_status"
MOST_WATCHERS: Final = 10_000
MOST_OF_A_CUSTOMER: Final = 50
# A process that dies between a commit and its NOTIFY leaves watchers of other processes without news.
LOOK_OVER_SECONDS: Final = 15.0
_LOOKED_OVER_AT_ONCE: Final = 500
# Without a place that can be told, the request may just have been sent, or been sent anew.
_LOOK_AGAIN_UNPLACED: Final = 5.0


class TooManyWatchers(Exception):
    """Nothing was begun: the process, or this customer, watches as much as may be."""


@dataclasses.dataclass(slots=True, eq=False)
class _Watcher:
    key: Key
    news: News
    stored: ReservationStatus | None = None


class ReservationWatch:
    """``follow`` is one watcher; ``run`` is the second net under all of them."""

    def __init__(self, database: Database, requests: QueuedRequests, listener: Listener, lines: WaitingLines) -> None:
        self._database = database
        self._listener = listener
        self._lines = lines
        self._looks = ReservationLooks(database, requests)
        self._watchers: set[_Watcher] = set()
        self._of_customer: Counter[UUID] = Counter()

    def __len__(self) -> int:
        return len(self._watchers)

    async def follow(self, reservation_id: UUID, customer_id: UUID) -> AsyncGenerator[ReservationView, None]:
        """The present state first, then each change, until nothing changes any more.

        Raises LookupError when there is no such reservation of this customer, and TooManyWatchers.
        """
        with self._watcher((reservation_id, customer_id)) as watcher:
            told: tuple[ReservationStatus, int | None] | None = None
            while True:
                watcher.news.clear()
                found = await self._looks.look(watcher.key)
                if found is None:
                    raise LookupError(reservation_id)
                watcher.stored = found.reservation.status
                if found.waiting is not None:
                    async with aclosing(self._in_line(found, found.waiting, watcher.news)) as places:
                        async for placed in places:
                            if (placed.status, placed.queue_position) != told:
                                told = (placed.status, placed.queue_position)
                                yield placed
                    continue
                if (found.status, None) != told:
                    told = (found.status, None)
                    yield found
                if found.status in SETTLED:
                    return
                await watcher.news.wait(_seconds_held(found))

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks over all that is watched, a few statements each time, and tells whoever was not told."""
        while not stopping.is_set():
            try:
                async with asyncio.timeout(LOOK_OVER_SECONDS):
                    await stopping.wait()
            except TimeoutError:
                await self.look_over()

    async def look_over(self) -> None:
        """One round of ``run``."""
        told = iter([(watcher.key[0], watcher.stored) for watcher in self._watchers if watcher.stored is not None])
        while batch := list(islice(told, _LOOKED_OVER_AT_ONCE)):
            try:
                async with self._database.connect() as connection:
                    missed = await changed_since_told(connection, batch)
            except Exception as exc:  # whatever the driver raises means the same here: next time
                log.warning("watched_not_looked_over", error=type(exc).__name__)
                return
            if missed:
                log.warning("news_was_missed", reservations=len(missed))
                self._listener.tell_here(str(id_) for id_ in missed)

    @contextmanager
    def _watcher(self, key: Key) -> Iterator[_Watcher]:
        customer_id = key[1]
        if len(self._watchers) >= MOST_WATCHERS or self._of_customer[customer_id] >= MOST_OF_A_CUSTOMER:
            raise TooManyWatchers
        with self._listener.watch(str(key[0])) as news:
            watcher = _Watcher(key, news)
            self._watchers.add(watcher)
            self._of_customer[customer_id] += 1
            try:
                yield watcher
            finally:
                self._watchers.discard(watcher)
                self._of_customer[customer_id] -= 1
                if not self._of_customer[customer_id]:
                    del self._of_customer[customer_id]

    async def _in_line(
        self, found: ReservationView, waiting: QueuedRequest, news: News
    ) -> AsyncGenerator[ReservationView, None]:
        """The place in line as it moves, until there is news of the reservation itself, or its place is lost."""
        if waiting.sequence:
            await self._lines.position(waiting.line, waiting.sequence)  # the first read is waited for
        with self._lines.stand(waiting.line, waiting.sequence, news.wake) as standing:
            first = True
            while not news.has_changed():
                position = standing.tell(time.monotonic())
                if position is not None or first:
                    yield dataclasses.replace(found, waiting=None, queue_position=position)
                first = False
                await news.wait(_LOOK_AGAIN_UNPLACED if position is None else None)
                if position is None:
                    return


def _seconds_held(found: ReservationView) -> float | None:
    """Until the hold ends, which happens without anybody telling; None to wait for news alone."""
    held_until = found.reservation.held_until
    if found.status is not ReservationStatus.HELD or held_until is None:
        return None
    return max(0.1, (held_until - datetime.now(UTC)).total_seconds() + 0.05)
