"""A payment succeeds at the very moment at which it expires: the money is never lost, whoever comes first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import Database
from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.settle_charge import settle_charge

from .conftest import Desk

PAID = Charge("", PaymentStatus.SUCCEEDED, captured_minor=15_000, end_to_end_id="E" + "0" * 31)
EXPIRED = Charge("", PaymentStatus.EXPIRED)


class HeldBack(Database):
    """Its transaction, with everything written, commits only once another connection waits for one of its locks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.written = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with super().transaction() as connection:
            yield connection
            self.written.set()
            await self._somebody_waits()

    async def _somebody_waits(self) -> None:
        waiting = sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        for _ in range(1_000):
            async with self.connect() as connection:
                if (await connection.execute(waiting)).scalar_one():
                    return
            await asyncio.sleep(0.01)
        raise AssertionError("nobody waits for a lock")


async def at_the_same_moment(desk: Desk, url: str, first: Charge, second: Charge) -> Payment:
    """The payment after `second` was read while `first` was written and not yet committed."""
    created = await desk.pay(desk.wanted())
    assert created.payment is not None
    held_back = HeldBack(url)
    try:
        writing = asyncio.create_task(settle_charge(replace(desk.ports, database=held_back), created.payment.id, first))
        await held_back.written.wait()
        await settle_charge(desk.ports, created.payment.id, second)
        await writing
    finally:
        await held_back.dispose()
    async with desk.ports.database.connect() as connection:
        payment = await payments.find(connection, created.payment.id)
    assert payment is not None
    return payment


@pytest.mark.parametrize(("first", "second"), [(PAID, EXPIRED), (EXPIRED, PAID)])
async def test_the_money_is_kept_whoever_comes_first(desk: Desk, url: str, first: Charge, second: Charge) -> None:
    payment = await at_the_same_moment(desk, url, first, second)
    assert (payment.status, payment.captured_minor) == (PaymentStatus.SUCCEEDED, 15_000)


# The control: without the row's lock the same interleaving loses the money, so this test would notice.
async def test_without_the_lock_the_money_would_be_lost(desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payments, "lock", payments.find)
    payment = await at_the_same_moment(desk, url, PAID, EXPIRED)
    assert (payment.status, payment.captured_minor) == (PaymentStatus.EXPIRED, 0)
