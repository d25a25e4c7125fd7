"""Many watchers: nobody loses his own news, nobody hears another's, and waiting costs next to nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.util import await_only

from subgraphs.chassis.database import Database
from subgraphs.ticketing import reservation_watch
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.reservation_watch import MOST_OF_A_CUSTOMER, ReservationWatch, TooManyWatchers
from tests.subgraphs.ticketing.conftest import LAWN, SESSION, Service

SOON = 20
HELD, EXPIRED = ReservationStatus.HELD, ReservationStatus.EXPIRED


@pytest.fixture
def watch(app: FastAPI, service: Service) -> ReservationWatch:
    found: ReservationWatch = app.state.running.resources.watch
    return found


class Watcher:
    """Follows one reservation in a task; `seen` are its states."""

    def __init__(self, watch: ReservationWatch, reservation: UUID, customer: UUID) -> None:
        self.seen: list[ReservationStatus] = []
        self.first = asyncio.Event()
        self.task = asyncio.create_task(self._follow(watch, reservation, customer))

    async def _follow(self, watch: ReservationWatch, reservation: UUID, customer: UUID) -> None:
        try:
            async with aclosing(watch.follow(reservation, customer)) as states:
                async for state in states:
                    assert state.reservation.customer_id == customer
                    self.seen.append(state.status)
                    self.first.set()
        finally:
            self.first.set()

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def followed(watch: ReservationWatch) -> AsyncIterator[Callable[..., Watcher]]:
    made: list[Watcher] = []

    def follow(reservation: UUID, customer: UUID) -> Watcher:
        made.append(Watcher(watch, reservation, customer))
        return made[-1]

    yield follow
    for watcher in made:
        await watcher.leave()


async def hold_many(db: Database, count: int) -> list[tuple[UUID, UUID]]:
    """(reservation, customer) of that many holds, as if there were units enough."""
    keys = [(uuid4(), uuid4()) for _ in range(count)]
    async with db.transaction() as connection:
        for id_, customer in keys:
            await connection.execute(
                sa.text(
                    "INSERT INTO reservations (id, customer_id, idempotency_key, session_id, sector_id, quantity,"
                    " status, held_until, sequence, requested_at) VALUES (:id, :customer, 'k', :session, :sector, 1,"
                    " 'HELD', now() + interval '1 hour', 1, now())"
                ),
                {"id": id_, "customer": customer, "session": SESSION, "sector": LAWN},
            )
    return keys


async def first_states(watchers: list[Watcher]) -> None:
    async with asyncio.timeout(SOON):
        for watcher in watchers:
            await watcher.first.wait()


async def ended(watchers: list[Watcher]) -> None:
    async with asyncio.timeout(SOON):
        await asyncio.gather(*(watcher.task for watcher in watchers))


SWEEP = "mutation { sweepExpiredHolds(limit: 500) }"


async def test_a_sweep_of_five_hundred_leaves_no_watcher_behind_and_costs_a_few_statements(
    service: Service,
    db: Database,
    followed: Callable[..., Watcher],
    watch: ReservationWatch,
    count_statements: Callable[[], Any],
) -> None:
    keys = await hold_many(db, 500)
    with count_statements() as seen:
        watchers = [followed(id_, customer) for id_, customer in keys]
        await first_states(watchers)
        looks = [statement for statement in seen if "mine" in statement]
        assert len(looks) <= 20  # a hundred at a time, and once more when the listener is connected
    async with db.transaction() as connection:
        await connection.execute(sa.text("UPDATE sectors SET capacity = 1000, held = 500 WHERE id = :id"), {"id": LAWN})
        await connection.execute(sa.text("UPDATE reservations SET held_until = now() - interval '1 second'"))
    with count_statements() as seen:
        assert (await service.data(SWEEP, caller="workers"))["sweepExpiredHolds"] == 500
        await ended(watchers)
        looks = [statement for statement in seen if "mine" in statement]
        assert len(looks) <= 10
    assert all(watcher.seen == [HELD, EXPIRED] for watcher in watchers)
    assert len(watch) == 0


async def test_who_waits_costs_no_statement_of_his_own(
    service: Service,
    followed: Callable[..., Watcher],
    put_in_line: Callable[..., UUID],
    count_statements: Callable[[], Any],
) -> None:
    """Fifty in line, two refreshes: only the line's own statement is asked, once each time."""
    watchers = []
    for number in range(50):
        customer = uuid4()
        watchers.append(followed(put_in_line(customer, LAWN, sequence=number + 1), customer))
    await first_states(watchers)
    await asyncio.sleep(0.5)
    with count_statements() as seen:
        while len(seen) < 2:  # noqa: ASYNC110 - statements are counted
            await asyncio.sleep(0.05)
    assert all("last_served_sequence" in statement for statement in seen)


async def test_news_that_got_lost_is_made_good_by_looking_over(
    service: Service, db: Database, followed: Callable[..., Watcher], watch: ReservationWatch
) -> None:
    """As when the process that changed it died between its commit and its NOTIFY."""
    keys = await hold_many(db, 3)
    watchers = [followed(id_, customer) for id_, customer in keys]
    await first_states(watchers)
    async with db.transaction() as connection:
        await connection.execute(
            sa.text("UPDATE reservations SET status = 'CANCELLED' WHERE id = :id"), {"id": keys[1][0]}
        )
    await watch.look_over()
    await ended(watchers[1:2])
    assert watchers[1].seen == [HELD, ReservationStatus.CANCELLED]
    assert [watcher.seen for watcher in (watchers[0], watchers[2])] == [[HELD], [HELD]]


@pytest.fixture
def without_second_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not told is not found by looking over either."""
    monkeypatch.setattr(reservation_watch, "LOOK_OVER_SECONDS", 3_600)


@pytest.mark.usefixtures("without_second_net")
async def test_a_change_that_a_look_has_just_missed_is_looked_at_again(
    service: Service, followed: Callable[..., Watcher], watch: ReservationWatch
) -> None:
    """It is given back after the database has answered the first look, and before the watcher has the answer."""
    ana = uuid4()
    mine = await service.held(ana)
    while not watch._listener._pid:  # noqa: ASYNC110 - everybody looks again when it connects
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    missed: list[str] = []

    def change(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "AS mine" in statement and not missed:
            missed.append(statement)
            await_only(service.cancel(mine, ana))

    sa.event.listen(sa.Engine, "after_cursor_execute", change)
    try:
        watcher = followed(mine, ana)
        await ended([watcher])
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", change)
    assert watcher.seen == [HELD, ReservationStatus.CANCELLED]


@pytest.mark.usefixtures("without_second_net")
async def test_a_change_at_any_moment_of_a_look_is_seen_a_hundred_times(
    service: Service, followed: Callable[..., Watcher]
) -> None:
    for _ in range(100):
        ana = uuid4()
        mine = await service.held(ana)
        watcher = followed(mine, ana)
        await asyncio.gather(service.cancel(mine, ana), watcher.first.wait())
        await ended([watcher])
        assert watcher.seen[-1] is ReservationStatus.CANCELLED


async def test_watchers_who_leave_at_any_moment_leave_nothing_behind(
    service: Service, db: Database, watch: ReservationWatch, put_in_line: Callable[..., UUID]
) -> None:
    moments = random.Random(29)
    keys = await hold_many(db, 50)
    for number in range(50):
        customer = uuid4()
        keys.append((put_in_line(customer, LAWN, sequence=number + 1), customer))

    async def leave(key: tuple[UUID, UUID]) -> None:
        watcher = Watcher(watch, *key)
        await asyncio.sleep(moments.uniform(0, 0.4))
        await watcher.leave()

    await asyncio.gather(*(leave(key) for key in keys * 3))
    assert len(watch) == 0
    assert len(watch._listener) == 0
    assert watch._of_customer == {}
    assert not any(line.standing for line in watch._lines._lines.values())
    pool: Any = watch._database._engine.pool
    async with asyncio.timeout(SOON):
        while pool.checkedout():  # noqa: ASYNC110 - the last batch is looked for to its end
            await asyncio.sleep(0.01)


async def test_another_customers_reservation_is_not_followed(watch: ReservationWatch, service: Service) -> None:
    mine = await service.held(uuid4())
    with pytest.raises(LookupError):
        await anext(watch.follow(mine, uuid4()))
    assert len(watch) == 0


async def test_a_customer_and_a_process_follow_only_so_many(
    service: Service, db: Database, watch: ReservationWatch, followed: Callable[..., Watcher], monkeypatch: Any
) -> None:
    ana = uuid4()
    mine = await service.held(ana)
    watchers = [followed(mine, ana) for _ in range(MOST_OF_A_CUSTOMER)]
    await first_states(watchers)
    with pytest.raises(TooManyWatchers):
        await anext(watch.follow(mine, ana))
    [(other, bia), (third, eve)] = await hold_many(db, 2)
    await first_states([followed(other, bia)])
    monkeypatch.setattr(reservation_watch, "MOST_WATCHERS", len(watch))
    with pytest.raises(TooManyWatchers):
        await anext(watch.follow(third, eve))
    await watchers[0].leave()
    await first_states([again := followed(third, eve)])
    assert again.seen == [HELD]
