"""News of a row reaches whoever watches it, in this process and in others, and never costs a commit its turn."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.listener import Listener, tell_after_commit

SOON = 60


@pytest.fixture
async def listener(toy_database: Database) -> AsyncIterator[Listener]:
    made = Listener(toy_database, "toys")
    await connected(made)
    yield made
    await made.close()


@pytest.fixture
async def elsewhere(toy_url: str) -> AsyncIterator[Listener]:
    """Another process's listener, as far as PostgreSQL can tell."""
    database = Database(toy_url)
    made = Listener(database, "toys")
    await connected(made)
    yield made
    await made.close()
    await database.dispose()


async def connected(listener: Listener) -> None:
    """Everybody looks once when the connection is there."""
    with listener.watch("nothing") as news:
        await news.wait(SOON)
        assert news.has_changed()


async def change(database: Database, *keys: str) -> None:
    async with database.transaction() as connection:
        tell_after_commit(connection, keys)


async def test_who_watches_a_key_is_told_and_nobody_else(toy_database: Database, listener: Listener) -> None:
    with listener.watch("a") as one, listener.watch("a") as two, listener.watch("b") as other:
        await change(toy_database, "a")
        assert (one.has_changed(), two.has_changed(), other.has_changed()) == (True, True, False)


async def test_it_is_told_after_the_commit_when_the_change_can_be_seen(
    toy_database: Database, listener: Listener
) -> None:
    with listener.watch("a") as news:
        async with toy_database.transaction() as connection:
            tell_after_commit(connection, ["a"])
            await asyncio.sleep(0.05)
            assert not news.has_changed()
        assert news.has_changed()


async def test_a_transaction_holds_no_lock_of_notify(toy_database: Database, listener: Listener) -> None:
    """`pg_notify` inside a transaction would make every commit of the cluster wait for its turn."""
    async with toy_database.transaction() as connection:
        tell_after_commit(connection, ["a"])
        used = await connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'object'"))
        assert used == 0


async def test_other_processes_hear_of_it(toy_database: Database, listener: Listener, elsewhere: Listener) -> None:
    """More keys than one NOTIFY can carry arrive as a whole."""
    keys = [str(uuid4()) for _ in range(500)]
    watches = [elsewhere.watch(key) for key in keys]
    told = [watch.__enter__() for watch in watches]
    await change(toy_database, *keys)
    async with asyncio.timeout(SOON):
        for news in told:
            await news.wait()
    assert all(news.has_changed() for news in told)
    for watch in watches:
        watch.__exit__(None, None, None)


async def test_nobody_who_is_slow_loses_anything(toy_database: Database, listener: Listener) -> None:
    """A watcher has nothing to remember but that it has to look again: a burst about others does not push it out."""
    with listener.watch("mine") as news:
        await change(toy_database, "mine")
        for _ in range(5):
            await change(toy_database, *(str(number) for number in range(200)))
        assert news.has_changed()


async def test_after_a_lost_connection_everybody_looks_again(
    toy_database: Database, listener: Listener, elsewhere: Listener, postgres_url: str
) -> None:
    with elsewhere.watch("a") as news:
        superuser = await asyncpg.connect(postgres_url)
        await superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_notify%'"
        )
        await superuser.close()
        await news.wait(SOON)
        assert news.has_changed()
        news.clear()
        await change(toy_database, "a")
        await news.wait(SOON)
        assert news.has_changed()


async def test_a_thousand_watchers_who_leave_at_any_moment_leave_nothing_behind(
    toy_database: Database, listener: Listener
) -> None:
    moments = random.Random(29)

    async def watch(number: int) -> None:
        with listener.watch(str(number % 50)) as news:
            while True:
                await news.wait()

    watching = [asyncio.create_task(watch(number)) for number in range(1_000)]
    for _ in range(50):
        await change(toy_database, *(str(moments.randrange(50)) for _ in range(10)))
        for task in moments.sample(watching, 20):
            task.cancel()
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    assert len(listener) == 0


async def test_a_transaction_that_is_rolled_back_tells_nobody_elsewhere_anything_wrong(
    toy_database: Database, listener: Listener
) -> None:
    """It may wake a watcher, who then sees what is true; the mark does not stay on the pooled connection."""
    with suppress(ZeroDivisionError):
        async with toy_database.transaction() as connection:
            tell_after_commit(connection, ["a"])
            raise ZeroDivisionError
    with listener.watch("a") as news:
        for _ in range(10):
            await change(toy_database, "b")
        assert not news.has_changed()
