"""The pool gives back what it lent, whoever leaves when; and nobody waits for a lock for long."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import httpx
import pytest
import sqlalchemy as sa
import strawberry
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.app import build_app
from subgraphs.chassis.database import BACKGROUND, REQUEST, Database, Limits
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.messages import MESSAGES
from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.transient import may_pass
from workers.runtime.errors import TransientFault
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient

POOL = 3
SHORT = Limits(lock_ms=50, statement_ms=200)
RENAME = sa.text("UPDATE things SET name = name || '!' WHERE name = :name")


@pytest.fixture
async def pool(toy_database: Database, toy_url: str) -> AsyncIterator[Database]:
    """A small pool with a name of its own, on an empty toy database."""
    database = Database(toy_url, pool_size=POOL, application_name="pool-under-test")
    yield database
    await database.dispose()


@pytest.fixture
async def impatient(toy_database: Database, toy_url: str) -> AsyncIterator[Database]:
    """Two connections at most, which wait 50 ms for a lock and 200 ms for a statement; things a and b are there."""
    await write(toy_database, "a")
    await write(toy_database, "b")
    database = Database(toy_url, pool_size=1, limits=SHORT)
    yield database
    await database.dispose()


async def sessions(url: str) -> list[tuple[str, str]]:
    """(state, query) of the server's sessions that belong to the pool under test."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch(
            "SELECT state, query FROM pg_stat_activity WHERE application_name = 'pool-under-test'"
        )
        return [(row["state"], row["query"]) for row in rows]
    finally:
        await connection.close()


async def write(database: Database, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(sa.text("INSERT INTO things VALUES (:name)"), {"name": name})
        await connection.execute(sa.text("SELECT pg_sleep(0.002)"))


async def read(database: Database) -> None:
    async with database.connect() as connection:
        await connection.execute(sa.text("SELECT pg_sleep(0.002)"))


# Once where the task is, and again while it is being cleaned up (a deadline, and then the client who leaves as well).
@pytest.mark.parametrize("times", [1, 3])
async def test_a_thousand_callers_who_leave_at_random_moments_leave_no_place_taken(
    pool: Database, toy_url: str, times: int
) -> None:
    randomness = random.Random(times)

    async def leave(number: int) -> None:
        task = asyncio.create_task(write(pool, f"{times}-{number}") if number % 2 else read(pool))
        for _ in range(times):
            await asyncio.sleep(randomness.uniform(0, randomness.choice([0.002, 0.01, 0.05])))
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for start in range(0, 1_000, 10):
        await asyncio.gather(*(leave(start + number) for number in range(10)))
    await asyncio.gather(*(write(pool, f"{times}-after-{number}") for number in range(50)))
    # What goes back in the background may take a moment.
    async with asyncio.timeout(10):
        while await left_behind(pool, toy_url):  # noqa: ASYNC110 - the news is on the server
            await asyncio.sleep(0.01)
    assert len(await sessions(toy_url)) <= 2 * POOL


async def left_behind(database: Database, url: str) -> bool:
    """A connection that is lent, a session in a transaction, or a task that nobody waits for."""
    in_use = [state for state, _ in await sessions(url) if state != "idle"]
    return bool(database.places_taken() or in_use or len(asyncio.all_tasks()) > 1)


async def rename(database: Database, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(RENAME, {"name": name})


async def fault_of(work: Awaitable[Any]) -> Exception:
    try:
        await work
    except Exception as exc:
        return exc
    raise AssertionError("it went well")


async def test_whoever_waits_for_a_lock_gives_up_and_gives_its_connection_back(
    toy_database: Database, impatient: Database
) -> None:
    async with toy_database.transaction() as holder:
        await holder.execute(RENAME, {"name": "a"})
        for _ in range(20):
            fault = await fault_of(rename(impatient, "a"))
            assert may_pass(fault)
            assert "lock timeout" in str(fault)
        await rename(impatient, "b")
    assert impatient.places_taken() == 0
    await rename(impatient, "a!")


async def test_a_statement_that_takes_too_long_is_cut_off(impatient: Database) -> None:
    async def sleep() -> None:
        async with impatient.connect() as connection:
            await connection.execute(sa.text("SELECT pg_sleep(30)"))

    assert may_pass(await fault_of(sleep()))
    assert impatient.places_taken() == 0


async def test_one_of_two_that_wait_for_each_other_is_told_that_it_may_pass(
    toy_database: Database, impatient: Database
) -> None:
    both_hold = asyncio.Barrier(2)

    async def take(first: str, second: str) -> None:
        # Long enough for the server to find the deadlock (after its `deadlock_timeout` of a second).
        async with toy_database.transaction(Limits(lock_ms=0, statement_ms=0)) as connection:
            await connection.execute(RENAME, {"name": first})
            await both_hold.wait()
            await connection.execute(RENAME, {"name": second})

    outcomes = await asyncio.gather(take("a", "b"), take("b", "a"), return_exceptions=True)
    (fault,) = [outcome for outcome in outcomes if outcome is not None]
    assert "deadlock" in str(fault)
    assert may_pass(fault)


async def test_a_serialization_failure_may_pass(toy_database: Database, impatient: Database) -> None:
    async def read_then_write() -> None:
        async with toy_database.transaction() as connection:
            await connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            await connection.execute(sa.text("SELECT count(*) FROM things"))
            await rename(impatient, "a")
            await connection.execute(RENAME, {"name": "a"})

    fault = await fault_of(read_then_write())
    assert "could not serialize" in str(fault)
    assert may_pass(fault)


async def test_a_connection_that_the_server_ended_may_pass_and_the_next_one_works(
    toy_database: Database, impatient: Database
) -> None:
    async def lose() -> None:
        async with impatient.transaction() as connection:
            pid = (await connection.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one()
            async with toy_database.transaction() as other:
                await other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await connection.execute(RENAME, {"name": "a"})

    assert may_pass(await fault_of(lose()))
    await rename(impatient, "a")
    assert impatient.places_taken() == 0


async def test_a_server_that_cannot_be_reached_may_pass() -> None:
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    assert may_pass(await fault_of(nowhere.ping()))
    await nowhere.dispose()


async def test_what_is_wrong_stays_wrong(impatient: Database) -> None:
    async def run(statement: str) -> None:
        async with impatient.transaction() as connection:
            await connection.execute(sa.text(statement))

    for statement in ("INSERT INTO things VALUES ('a')", "SELECT nonsense", "SELECT 1 / 0"):
        assert not may_pass(await fault_of(run(statement)))
    assert not may_pass(ValueError())
    assert not may_pass(None)


async def limits_of(connection: AsyncConnection) -> Limits:
    rows = await connection.execute(
        sa.text(
            "SELECT setting::int FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout') ORDER BY name"
        )
    )
    return Limits(*rows.scalars())


async def test_background_work_has_limits_of_its_own_until_its_transaction_ends(toy_url: str) -> None:
    database = Database(toy_url, pool_size=1)
    async with database.transaction() as connection:
        assert await limits_of(connection) == REQUEST
    async with database.transaction(BACKGROUND) as connection:
        assert await limits_of(connection) == BACKGROUND
    async with database.connect() as connection:
        assert await limits_of(connection) == REQUEST
    await database.dispose()


@strawberry.type
class Query:
    @strawberry.field
    async def rename(self, info: Info, name: str) -> bool:
        await rename(info.context.resources, name)
        return True


# Not INTERNAL_SERVER_ERROR: nothing is broken, and the gateway and the workers try again by this code.
@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_a_held_lock_is_told_as_a_service_that_is_busy(
    toy_database: Database,
    impatient: Database,
    settings: Callable[..., Any],
    serve: Any,
    http: httpx.AsyncClient,
    caller: Any,
    language: str,
) -> None:
    @asynccontextmanager
    async def resources(_running: Any) -> AsyncIterator[Database]:
        yield impatient

    app = build_app(settings(), build_schema(Query), resources=resources)
    async with serve(app) as base, toy_database.transaction() as holder:
        await holder.execute(RENAME, {"name": "a"})
        headers = caller.headers() | {"Accept-Language": language}
        response = await http.post(f"{base}/graphql", json={"query": '{ rename(name: "a") }'}, headers=headers)
        assert response.status_code == 200
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert error["extensions"]["retryAfterMs"] > 0
        assert error["path"] == ["rename"]
        assert error["message"] == MESSAGES["SERVICE_UNAVAILABLE"][Locale(language)]


# What workers make of it: not a dead letter, but another try.
async def test_a_held_lock_is_a_passing_fault_to_workers(
    toy_database: Database, impatient: Database, settings: Callable[..., Any], serve: Any, caller: Any
) -> None:
    @asynccontextmanager
    async def resources(_running: Any) -> AsyncIterator[Database]:
        yield impatient

    pem = caller.keys["workers"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    app = build_app(settings(), build_schema(Query), resources=resources)
    with httpx.HTTPTransport() as transport:
        async with serve(app) as base:
            services = SubgraphClient({"toy": f"{base}/graphql"}, ServiceTokens(lambda: pem), transport=transport)
            async with toy_database.transaction() as holder:
                await holder.execute(RENAME, {"name": "a"})
                with pytest.raises(TransientFault):
                    await asyncio.to_thread(services.ask, "toy", '{ rename(name: "a") }', {})
            answer = await asyncio.to_thread(services.ask, "toy", '{ rename(name: "a!") }', {})
            assert answer == {"rename": True}
