"""The SQL on connections that live long: PostgreSQL plans a statement generically from its sixth execution on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import Database
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds, webhook_events
from subgraphs.payments.use_cases.cancel_payments import cancel_payments

from .conftest import Desk

NOW = datetime.now(UTC)
ROWS = 40
LIMIT = 10

FILL = {
    "open payments": """INSERT INTO payments (id, payer_id, reference, method, status, amount_minor, currency, provider,
            expires_at, created_at, updated_at, check_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'r', 'PIX', 'PROCESSING', 100, 'BRL', 'pix',
            now(), now(), now(), now() - interval '1 hour' FROM generate_series(1, :rows)""",
    "withdrawals": "UPDATE payments SET withdraw_at = now() - interval '1 hour'",
    "refunds": """INSERT INTO refunds (id, payment_id, amount_minor, reason, status, created_at, updated_at, check_at)
        SELECT gen_random_uuid(), id, 1, 'r', 'REQUESTED', now(), now(), now() - interval '1 hour' FROM payments""",
    "webhook_events": """INSERT INTO webhook_events (provider, event_id, kind, notice, received_at, due_at)
        SELECT 'pix', number, 'k', '{"provider": "pix", "event_id": "e", "kind": "k", "provider_reference": null}',
            now(), now() - interval '1 hour' FROM generate_series(1, :rows) AS number""",
}
# A plan that was made for an empty table, written out: a nested loop in which the other side is run again for each row.
WORST_PLAN = (
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL enable_hashagg = off",
    "SET LOCAL enable_sort = off",
    "SET LOCAL enable_material = off",
    "SET LOCAL enable_memoize = off",
)

CLAIMS: dict[str, Callable[[AsyncConnection], Awaitable[Any]]] = {
    "open payments": lambda connection: payments.claim_open_to_check(
        connection, "pix", NOW, timedelta(minutes=1), LIMIT
    ),
    "withdrawals": lambda connection: payments.claim_to_withdraw(connection, "pix", NOW, timedelta(minutes=1), LIMIT),
    "refunds": lambda connection: refunds.claim_unfinished(connection, "pix", NOW, timedelta(minutes=1), LIMIT),
    "webhook_events": lambda connection: webhook_events.claim(connection, "pix", NOW, LIMIT),
}


@asynccontextmanager
async def one_connection(url: str, mode: str) -> AsyncIterator[Database]:
    """A pool that gives out the same connection again and again, with this `plan_cache_mode`."""
    database = Database(url, pool_size=1)
    try:
        async with database.transaction() as connection:
            await connection.execute(sa.text(f"SET plan_cache_mode = {mode}"))
        yield database
    finally:
        await database.dispose()


# Requested, cancelled and requested again: the twenty-first buyer is served like the first.
@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
async def test_selling_and_cancelling_go_on_on_one_connection(desk: Desk, url: str, mode: str) -> None:
    async with one_connection(url, mode) as database:
        desk = replace(desk, ports=Ports(database, desk.ports.gateways))
        for number in range(30):
            wanted = desk.wanted()
            created = await desk.pay(wanted)
            assert (created.refusal, number) == (None, number)
            assert (await cancel_payments(desk.ports, wanted.reference)).cancelled == 1


# Whatever the planner thinks of it, a claim takes no more than it was told to.
@pytest.mark.parametrize("kind", list(CLAIMS))
async def test_a_claim_takes_its_batch_in_the_worst_plan_too(db: Database, kind: str) -> None:
    async with db.transaction() as connection:
        for name in dict.fromkeys(("open payments", kind)):
            await connection.execute(sa.text(FILL[name]), {"rows": ROWS} if ":rows" in FILL[name] else {})
    async with db.transaction() as connection:
        for setting in WORST_PLAN:
            await connection.execute(sa.text(setting))
        assert len(await CLAIMS[kind](connection)) == LIMIT
