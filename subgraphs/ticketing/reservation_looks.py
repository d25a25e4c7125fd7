"""Looks at reservations for all watchers of the process, put together: one batch at a time, on one connection."""

from __future__ import annotations

import asyncio
from typing import Final, TypeAlias
from uuid import UUID

from subgraphs.chassis.database import Database
from subgraphs.ticketing.queued_requests import QueuedRequests
from subgraphs.ticketing.use_cases.look_up_reservations import ReservationView, look_up_reservations

Key: TypeAlias = tuple[UUID, UUID]
"""(reservation, customer): whose it is belongs to every question."""

MOST_AT_ONCE: Final = 100
# News of many reservations comes in a burst: a moment's patience makes one statement of it.
_GATHERED_SECONDS: Final = 0.01


class ReservationLooks:
    def __init__(self, database: Database, requests: QueuedRequests) -> None:
        self._database = database
        self._requests = requests
        self._asked: dict[Key, list[asyncio.Future[ReservationView | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def look(self, key: Key) -> ReservationView | None:
        """As it is after this call; None when there is none or it is another customer's. Raises what the drivers do."""
        answer: asyncio.Future[ReservationView | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(answer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        await asyncio.sleep(_GATHERED_SECONDS)
        while self._asked:
            keys = list(self._asked)[:MOST_AT_ONCE]
            batch = {key: self._asked.pop(key) for key in keys}
            try:
                found = await look_up_reservations(self._database, self._requests, keys)
            except Exception as exc:  # whoever asked is told, whatever it is
                for answers in batch.values():
                    for answer in answers:
                        if not answer.done():
                            answer.set_exception(exc)
                continue
            for key, answers in batch.items():
                for answer in answers:
                    if not answer.done():
                        answer.set_result(found.get(key))
