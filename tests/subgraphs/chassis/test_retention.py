"""Old rows go in small batches, younger and locked ones stay, and one rule that fails keeps no other back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from subgraphs.chassis import idempotency, inbox, retention
from subgraphs.chassis.database import Database
from subgraphs.chassis.retention import Retention, older_than, sweep, sweep_all
from tests.subgraphs.chassis.conftest import metadata

INBOX = metadata.tables["inbox"]
RULE = older_than(INBOX, INBOX.c.received_at, timedelta(days=1))


@pytest.fixture
def received(toy_database: Database) -> Callable[..., Awaitable[None]]:
    """`await received(3, "2 days")`: so many events so long ago."""

    async def write(count: int, ago: str) -> None:
        async with toy_database.transaction() as connection:
            await connection.execute(
                sa.text(
                    "INSERT INTO inbox SELECT gen_random_uuid()::text, 'thing.made',"
                    " now() - CAST(CAST(:ago AS text) AS interval) FROM generate_series(1, :count)"
                ),
                {"count": count, "ago": ago},
            )

    return write


async def left(database: Database) -> int:
    async with database.connect() as connection:
        return int((await connection.execute(sa.text("SELECT count(*) FROM inbox"))).scalar_one())


Received = Callable[..., Awaitable[None]]


async def test_only_what_is_older_goes(toy_database: Database, received: Received) -> None:
    await received(3, "1 day 1 second")
    await received(4, "23 hours 59 minutes")
    await sweep_all(toy_database, [RULE], asyncio.Event())
    assert await left(toy_database) == 4


async def test_a_batch_takes_what_it_was_told_to_whatever_the_plan(toy_database: Database, received: Received) -> None:
    await received(40, "2 days")
    async with toy_database.transaction() as connection:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            await connection.execute(sa.text(f"SET LOCAL enable_{way} = off"))
        assert await sweep(connection, RULE, limit=10) == 10
    assert await left(toy_database) == 30


async def test_more_than_a_batch_goes_in_several(
    toy_database: Database, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)
    await received(2 * retention.BATCH + 1, "2 days")
    await sweep_all(toy_database, [RULE], asyncio.Event())
    assert await left(toy_database) == 0


async def test_sweeps_of_two_processes_share_the_work_and_wait_for_nobody(
    toy_database: Database, received: Received
) -> None:
    await received(50, "2 days")
    async with toy_database.transaction() as one, toy_database.transaction() as other:
        assert await sweep(one, RULE, limit=30) == 30
        assert await sweep(other, RULE, limit=30) == 20


async def test_a_rule_that_fails_keeps_no_other_back(toy_database: Database, received: Received) -> None:
    await received(3, "2 days")
    broken = Retention("nothing", sa.text("DELETE FROM nothing LIMIT :limit"))
    await sweep_all(toy_database, [broken, RULE], asyncio.Event())
    assert await left(toy_database) == 0


async def test_a_sweep_ends_when_the_service_does(toy_database: Database, received: Received) -> None:
    await received(3, "2 days")
    stopping = asyncio.Event()
    stopping.set()
    await sweep_all(toy_database, [RULE], stopping)
    assert await left(toy_database) == 3


async def test_the_task_sweeps_until_it_is_told_to_stop(
    toy_database: Database, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.01)
    await received(3, "2 days")
    stopping = asyncio.Event()
    running: Any = type("Running", (), {"database": toy_database})()
    task = asyncio.create_task(retention.retention_task([RULE])(running, stopping))
    async with asyncio.timeout(20):
        while await left(toy_database):  # noqa: ASYNC110 - the news is in the database
            await asyncio.sleep(0.01)
        stopping.set()
        await task


# A key that is repeated must find its result for as long as anything may still repeat it.
async def test_keys_live_for_ninety_days_and_taken_events_for_sixty(toy_database: Database) -> None:
    async def produce() -> dict[str, Any]:
        return {}

    async with toy_database.transaction() as connection:
        for days in (89, 91):
            await idempotency.run_once(connection, "scope", f"{days}", "hash", produce)
            moment = {"key": f"{days}", "ago": timedelta(days=days)}
            await connection.execute(
                sa.text("UPDATE idempotency SET created_at = now() - CAST(:ago AS interval) WHERE key = :key"), moment
            )
        for days in (59, 61):
            await inbox.take(connection, f"{days}", "thing.made")
            moment = {"key": f"{days}", "ago": timedelta(days=days)}
            await connection.execute(
                sa.text("UPDATE inbox SET received_at = now() - CAST(:ago AS interval) WHERE event_id = :key"), moment
            )
    await sweep_all(toy_database, [idempotency.RETENTION, inbox.RETENTION], asyncio.Event())
    async with toy_database.connect() as connection:
        assert list((await connection.execute(sa.text("SELECT key FROM idempotency"))).scalars()) == ["89"]
        assert list((await connection.execute(sa.text("SELECT event_id FROM inbox"))).scalars()) == ["59"]
