"""News of the database reach every subscriber, also after the connection was lost."""

import asyncio

import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.listener import Listener


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            sa.text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload}
        )


async def test_every_subscriber_of_a_channel_hears_and_others_do_not(toy_database: Database) -> None:
    listener = Listener(toy_database.url)
    async with listener.subscribe("a") as one, listener.subscribe("a") as two, listener.subscribe("b") as other:
        await notify(toy_database, "a", "1")
        assert await asyncio.wait_for(one.get(), 60) == await asyncio.wait_for(two.get(), 60) == "1"
        assert other.empty()
    async with listener.subscribe("a") as again:
        await notify(toy_database, "a", "2")
        assert await asyncio.wait_for(again.get(), 60) == "2"
    await listener.close()


async def test_a_lost_connection_is_replaced_and_said(toy_database: Database) -> None:
    listener = Listener(toy_database.url)
    async with listener.subscribe("a") as news:
        async with toy_database.transaction() as connection:
            await connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
        assert await asyncio.wait_for(news.get(), 60) == ""
        await notify(toy_database, "a", "after")
        assert await asyncio.wait_for(news.get(), 60) == "after"
    await listener.close()


# Memory is bounded: one who never reads keeps the newest payloads.
async def test_a_subscriber_that_does_not_read_loses_the_oldest(toy_database: Database) -> None:
    listener = Listener(toy_database.url)
    async with listener.subscribe("a") as news, listener.subscribe("a") as counter:
        for number in range(70):
            await notify(toy_database, "a", str(number))
        while await asyncio.wait_for(counter.get(), 60) != "69":
            pass
        assert news.qsize() == 64
        assert news.get_nowait() == "6"
    await listener.close()
