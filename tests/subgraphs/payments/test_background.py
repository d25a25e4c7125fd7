"""What runs beside the requests outlives what it works on: one poison item, one absent company."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from subgraphs.payments.use_cases.process_webhooks import MAX_ATTEMPTS

from .conftest import World, pix_received, raw

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

Poison = Callable[[str, str], Awaitable[None]]

# In the order in which they are executed, about the payment `{id}` whose charge is `{name}`.
POISONS = {
    "a fault of the database": (
        "CREATE FUNCTION poison() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$ LANGUAGE plpgsql",
        (
            "CREATE TRIGGER poison BEFORE UPDATE OF status ON payments "
            "FOR EACH ROW WHEN (OLD.id = '{id}') EXECUTE FUNCTION poison()"
        ),
    ),
    "a row that cannot be read": ("UPDATE payments SET failure_code = 'NOBODY_KNOWS' WHERE id = '{id}'",),
    "a message that cannot be read": (
        (
            "INSERT INTO webhook_events (provider, event_id, kind, provider_reference, notice, received_at, due_at) "
            "VALUES ('pix', 'poison', 'received', '{name}', '{{\"event_id\": 1}}', now(), now() - interval '1 hour')"
        ),
    ),
}


@pytest.fixture
async def poisoned(world: World) -> AsyncIterator[Poison]:
    """`await poisoned(kind, payment_id)`; the database is well again afterwards."""

    async def poison(kind: str, payment_id: str) -> None:
        named = {"id": raw(payment_id), "name": raw(payment_id).replace("-", "")}
        await execute(world, *(statement.format(**named) for statement in POISONS[kind]))

    yield poison
    await execute(world, "DROP FUNCTION IF EXISTS poison CASCADE", "UPDATE payments SET failure_code = NULL")


async def execute(world: World, *statements: str) -> None:
    async with world.db.transaction() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def row(world: World, payment_id: str) -> Any:
    async with world.db.connect() as connection:
        statement = sa.text("SELECT * FROM webhook_events WHERE provider_reference = :name ORDER BY id LIMIT 1")
        name = raw(payment_id).replace("-", "")
        return (await connection.execute(statement, {"name": name})).mappings().one()


# Whatever is wrong with one message: the nine behind it are acted upon, it is tried again, and then set aside.
@pytest.mark.parametrize("kind", list(POISONS))
async def test_a_poison_message_is_set_aside_and_the_others_go_on(
    world: World, payer: UUID, poisoned: Poison, kind: str
) -> None:
    made = [await world.created(payer) for _ in range(10)]
    await world.faults("pix", drop_webhooks=True)
    for payment in made:
        await world.pay(payment["id"])
    await poisoned(kind, made[0]["id"])
    told_of = made[1:] if kind == "a message that cannot be read" else made
    received = [json.loads(pix_received(one["id"], number=number))["pix"][0] for number, one in enumerate(told_of)]
    assert await world.told("pix", json.dumps({"pix": received}).encode()) == 200
    for payment in made[1:]:
        await world.until("SUCCEEDED", payment["id"], payer)
    for _ in range(100):
        found = await row(world, made[0]["id"])
        if found["attempts"] >= 2:
            break
        await world.look_now()
        await asyncio.sleep(0.05)
    assert (found["attempts"] >= 2, found["processed_at"]) == (True, None)
    await execute(world, f"UPDATE webhook_events SET attempts = {MAX_ATTEMPTS - 1} WHERE processed_at IS NULL")
    outcomes = await world.until_processed(10, impatient=True)
    assert outcomes.count("set_aside") == 1
    found = await row(world, made[0]["id"])
    assert found["reason"] in {"DBAPIError", "InternalError", "ValueError", "ValidationError", "ProgrammingError"}
    assert (await world.payments.get("/health/ready")).status_code == 200


# Each attempt is counted before it is made: a message over which the process dies is set aside too.
async def test_a_message_that_kills_its_process_is_set_aside(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    await execute(
        world,
        f"""INSERT INTO webhook_events
                (provider, event_id, kind, provider_reference, notice, received_at, due_at, attempts)
            VALUES ('pix', 'e', 'pix.received', '{raw(payment["id"]).replace("-", "")}', '{{}}', now(), now(),
                    {MAX_ATTEMPTS})""",
    )
    assert await world.until_processed(1, impatient=True) == ["set_aside"]
    assert (await row(world, payment["id"]))["reason"] == "every attempt ended with its process"


# One open payment that cannot be looked at: those behind it are.
@pytest.mark.parametrize("kind", ["a fault of the database", "a row that cannot be read"])
async def test_a_poison_payment_does_not_keep_the_others_from_their_turn(
    world: World, payer: UUID, poisoned: Poison, kind: str
) -> None:
    await world.faults("pix", drop_webhooks=True)
    made = [await world.created(payer) for _ in range(5)]
    for payment in made:
        await world.pay(payment["id"])
    await poisoned(kind, made[0]["id"])
    await execute(
        world,
        f"""UPDATE payments SET check_at = now() - CASE WHEN id = '{raw(made[0]["id"])}' THEN interval '1 hour'
            ELSE interval '1 second' END""",
    )
    for payment in made[1:]:
        await world.until("SUCCEEDED", payment["id"], payer)
    assert (await world.payments.get("/health/ready")).status_code == 200


# The bank hangs: card payments are told, followed and given back as if nothing was.
async def test_an_absent_bank_does_not_hold_up_the_card_company(world: World, payer: UUID) -> None:
    by_pix = [await world.created(payer) for _ in range(8)]
    slow = (await world.by_card(payer, "pm_card_slow"))["payment"]
    bought = (await world.by_card(payer))["payment"]
    await world.until_processed(2)
    await world.faults("pix", delay_ms=8_000)  # longer than anybody waits for it
    received = [json.loads(pix_received(one["id"], number=number))["pix"][0] for number, one in enumerate(by_pix)]
    assert await world.told("pix", json.dumps({"pix": received}).encode()) == 200
    await execute(world, "UPDATE payments SET check_at = now() WHERE method = 'PIX'")
    await world.pay(slow["id"])
    await world.until("SUCCEEDED", slow["id"], payer)
    await world.refund(bought["id"])
    await world.until("REFUNDED", bought["id"], payer)
    outcomes = await world.outcomes()
    assert outcomes.count(None) == len(by_pix)  # nothing of the bank's has been decided meanwhile
