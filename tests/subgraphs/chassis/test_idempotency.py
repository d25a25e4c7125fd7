"""The same key and input give the stored result; other input is refused."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.idempotency import KeyReused, key_is_valid, request_hash, run_once


async def place(database: Database, key: str, request: Any, *, scope: str = "place:ana", fail: bool = False) -> Any:
    async with database.transaction() as connection:

        async def produce() -> dict[str, Any]:
            await connection.execute(sa.text("INSERT INTO things VALUES (gen_random_uuid()::text)"))
            if fail:
                raise RuntimeError
            return {"made": request}

        return await run_once(connection, scope, key, request_hash(request), produce)


async def made(database: Database) -> int:
    async with database.connect() as connection:
        return (await connection.execute(sa.text("SELECT count(*) FROM things"))).scalar_one()


async def test_a_replay_gets_the_stored_result_and_does_nothing(toy_database: Database) -> None:
    first = await place(toy_database, "k", {"quantity": 2})
    assert await place(toy_database, "k", {"quantity": 2}) == first == {"made": {"quantity": 2}}
    assert await made(toy_database) == 1


async def test_the_same_key_with_other_input_is_refused(toy_database: Database) -> None:
    await place(toy_database, "k", {"quantity": 2})
    assert await place(toy_database, "k", {"quantity": 3}) == KeyReused("k")
    assert await made(toy_database) == 1


async def test_a_key_belongs_to_its_scope(toy_database: Database) -> None:
    await place(toy_database, "k", 1)
    assert await place(toy_database, "k", 2, scope="place:olivia") == {"made": 2}


async def test_a_failure_leaves_the_key_unused(toy_database: Database) -> None:
    with pytest.raises(RuntimeError):
        await place(toy_database, "k", 1, fail=True)
    assert await place(toy_database, "k", 2) == {"made": 2}
    assert await made(toy_database) == 1


async def test_of_many_at_the_same_moment_one_acts(toy_database: Database) -> None:
    results = await asyncio.gather(*(place(toy_database, "k", 1) for _ in range(8)))
    assert results == [{"made": 1}] * 8
    assert await made(toy_database) == 1


def test_the_hash_does_not_depend_on_the_order_of_fields() -> None:
    assert request_hash({"a": 1, "b": [1, 2]}) == request_hash({"b": [1, 2], "a": 1})
    assert request_hash({"b": [2, 1]}) != request_hash({"b": [1, 2]})


@pytest.mark.parametrize(
    ("key", "valid"), [("k", True), ("", False), ("k" * 200, True), ("k" * 201, False), ("a\n", False)]
)
def test_keys_are_bounded(key: str, valid: bool) -> None:
    assert key_is_valid(key) is valid
