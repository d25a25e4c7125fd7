"""Several windows, double clicks, callers who leave: one charge of a reservation lives, and everybody is told truly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import Database
from subgraphs.payments.domain.payment import Payment, PaymentMethod
from subgraphs.payments.domain.states import CAPTURED, GIVEN_UP, OPEN, PaymentStatus
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.check_unfinished import check_payments, withdraw_charges
from subgraphs.payments.use_cases.create_payment import TELLING, Created, CreatePayment, Refusal
from subgraphs.payments.use_cases.settle_charge import settle_charge
from subgraphs.payments.use_cases.submit_payment import submit_payment
from subgraphs.payments.use_cases.withdraw_charge import withdraw_charge

from .conftest import Desk

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

ROUNDS = 100
AT_ONCE = 5
TOLD_TO_WAIT = {Refusal.IN_PROCESS, Refusal.REPLACED, Refusal.ALREADY_PAID}


def by_card(wanted: CreatePayment, card: str = "pm_card_visa") -> CreatePayment:
    return replace(wanted, method=PaymentMethod.CARD, card_token=card, idempotency_key=uuid4().hex)


def by_pix(wanted: CreatePayment, **changed: Any) -> CreatePayment:
    return replace(wanted, method=PaymentMethod.PIX, card_token=None, idempotency_key=uuid4().hex, **changed)


def a_moment_later(wanted: CreatePayment) -> CreatePayment:
    """Asked for when the answer to what was asked before has arrived."""
    return replace(wanted, asked_at=datetime.now(UTC) + TELLING)


async def withdrawal(db: Database, payment_id: UUID) -> datetime | None:
    """When its charge is to be withdrawn."""
    async with db.connect() as connection:
        statement = sa.text("SELECT withdraw_at FROM payments WHERE id = :id")
        planned: datetime | None = (await connection.execute(statement, {"id": payment_id})).scalar_one()
    return planned


async def of_reference(db: Database, reference: str) -> list[Payment]:
    async with db.connect() as connection:
        return await payments.list_by_reference(connection, reference)


async def settled_down(desk: Desk) -> None:
    """What was given up while its charge was being made is withdrawn."""
    async with desk.ports.database.transaction() as connection:
        await connection.execute(sa.text("UPDATE payments SET withdraw_at = now() WHERE withdraw_at IS NOT NULL"))
    for provider in desk.ports.gateways.providers():
        await withdraw_charges(desk.ports, provider)


def payable(found: list[Payment]) -> list[Payment]:
    """What can be paid, or has been."""
    return [payment for payment in found if payment.status in OPEN | CAPTURED]


# A double click, and the same page in five windows: the very same charge is everybody's answer.
@pytest.mark.parametrize("choose", [by_pix, by_card])
async def test_the_same_choice_at_once_is_one_charge(
    desk: Desk, db: Database, choose: Callable[[CreatePayment], CreatePayment]
) -> None:
    for _ in range(20):
        wanted = desk.wanted()
        answers = await asyncio.gather(*(desk.pay(choose(wanted)) for _ in range(AT_ONCE)))
        assert {answer.refusal for answer in answers} == {None}
        (only,) = await of_reference(db, wanted.reference)
        assert {answer.payment.id for answer in answers if answer.payment} == {only.id}


# Pix and card at the same moment: one lives; who has another answer than it is told of an error.
async def test_rival_choices_at_once_leave_one_charge(desk: Desk, db: Database) -> None:
    for number in range(ROUNDS):
        wanted = desk.wanted()
        at_once = 2 + number % 7
        choices = [by_pix(wanted) if (number + one) % 3 else by_card(wanted) for one in range(at_once)]
        answers = await asyncio.gather(*map(desk.pay, choices))
        found = await of_reference(db, wanted.reference)
        (one,) = payable(found)
        for answer in answers:
            if answer.refusal is None:
                assert answer.payment is not None
                assert answer.payment.id == one.id
            else:
                assert (answer.refusal in TOLD_TO_WAIT, answer.payment) == (True, None)
        assert not [payment for payment in found if payment is not one and payment.status in CAPTURED]
    await settled_down(desk)
    async with db.connect() as connection:
        waiting = sa.text("SELECT replace(id::text, '-', '') FROM payments WHERE status = 'REQUIRES_ACTION'")
        expected = set((await connection.execute(waiting)).scalars())
    assert {name for name in await desk.open_charges() if not name.startswith("pi_")} == expected


# Callers who leave at any moment: who stays is served, and nothing is left that nobody answers for.
async def test_callers_who_leave_leave_no_charge_behind(desk: Desk, db: Database) -> None:
    for number in range(ROUNDS):
        wanted = desk.wanted()
        leaving = asyncio.create_task(desk.pay(by_card(wanted) if number % 2 else by_pix(wanted)))
        staying = asyncio.create_task(desk.pay(by_pix(wanted)))
        await asyncio.sleep(number * 0.0006)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        answer = await staying
        assert answer.refusal in {None, *TOLD_TO_WAIT}
        found = await of_reference(db, wanted.reference)
        assert len(payable(found)) == 1
    async with db.connect() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM payments"))).scalar_one() >= ROUNDS


# Having seen the Pix code, the payer chooses the card: it takes the place of the charge.
async def test_another_choice_afterwards_takes_the_place(desk: Desk, db: Database) -> None:
    for _ in range(10):
        wanted = desk.wanted()
        first = await desk.pay(by_pix(wanted))
        second = await desk.pay(a_moment_later(by_card(wanted, "pm_card_chargeDeclined")))
        third = await desk.pay(by_pix(wanted, amount_minor=16_000))
        fourth = await desk.pay(a_moment_later(by_pix(wanted)))
        refusals = [answer.refusal for answer in (first, second, third, fourth)]
        assert refusals == [None, Refusal.DECLINED, None, None]
        statuses = {payment.id: payment.status for payment in await of_reference(db, wanted.reference)}
        assert list(statuses.values()).count(PaymentStatus.REQUIRES_ACTION) == 1
        assert first.payment
        assert fourth.payment
        assert statuses[fourth.payment.id] is PaymentStatus.REQUIRES_ACTION
        assert statuses[first.payment.id] is PaymentStatus.CANCELLED
        # What was replaced is never told without an error.
        assert (await desk.pay(replace(by_pix(wanted), idempotency_key=uuid4().hex))).refusal is None


# Asked for under the key of a charge that another has replaced: an error, not a cancelled payment.
async def test_a_replay_of_what_was_replaced_is_refused(desk: Desk) -> None:
    wanted = desk.wanted()
    await desk.pay(wanted)
    await desk.pay(a_moment_later(by_card(wanted)))
    assert await desk.pay(wanted) == Created(None, Refusal.REPLACED)


# A process died between recording and submitting: another way to pay waits until it is sure, then takes its place.
async def test_what_a_dead_process_left_is_taken_over(desk: Desk, db: Database) -> None:
    wanted = desk.wanted()
    await desk.record(by_card(wanted))
    assert (await desk.pay(by_pix(wanted))).refusal is Refusal.IN_PROCESS
    later = replace(desk, ports=replace(desk.ports, now=lambda: datetime.now(UTC) + timedelta(seconds=21)))
    answer = await later.pay(by_pix(wanted))
    assert (answer.refusal, [one.status for one in payable(await of_reference(db, wanted.reference))]) == (
        None,
        [PaymentStatus.REQUIRES_ACTION],
    )


class Interrupted(Database):
    """Before each of its transactions somebody else has a turn."""

    def __init__(self, url: str, interrupt: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(url)
        self._interrupt = interrupt

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        await self._interrupt()
        async with super().transaction() as connection:
            yield connection


# However often others come first: who gives up in the end has closed nothing without putting something in its place.
async def test_who_gives_up_leaves_a_charge(desk: Desk, db: Database, url: str) -> None:
    wanted = desk.wanted()

    async def come_first() -> None:
        if not payable(await of_reference(db, wanted.reference)):
            assert (await desk.pay(by_pix(wanted, amount_minor=16_000))).refusal is None

    interrupted = Interrupted(url, come_first)
    by_a_clock_that_is_ahead = datetime.now(UTC) + timedelta(hours=1)
    hasty = replace(by_card(wanted), asked_at=by_a_clock_that_is_ahead)
    try:
        answer = await replace(desk, ports=replace(desk.ports, database=interrupted)).pay(hasty)
    finally:
        await interrupted.dispose()
    assert answer == Created(None, Refusal.IN_PROCESS)
    found = await of_reference(db, wanted.reference)
    assert [payment.status for payment in payable(found)] == [PaymentStatus.REQUIRES_ACTION]
    assert len(found) == 3


# Of two who submit the same charge one gets no answer from the bank: the other's stays payable, and is both's.
async def test_a_failing_submission_does_not_close_what_another_has_made(desk: Desk, db: Database) -> None:
    await desk.pay(desk.wanted())  # the bank's token is there
    wanted = desk.wanted()
    recorded = await desk.record(wanted)
    await desk.sandbox.put("/faults/pix", json={"delay_ms": 3_500})
    unlucky = asyncio.create_task(submit_payment(desk.ports, recorded))
    await asyncio.sleep(0.5)  # its first request is under way, and will time out
    await desk.sandbox.put("/faults/pix", json={})
    assert (await submit_payment(desk.ports, recorded)).status is PaymentStatus.REQUIRES_ACTION
    await desk.sandbox.put("/faults/pix", json={"http_500": 50})
    assert (await unlucky).status is PaymentStatus.REQUIRES_ACTION
    await desk.sandbox.put("/faults/pix", json={})
    assert recorded.id.hex in await desk.open_charges()


# The bank makes the charge while the buyer cancels: nobody can pay it afterwards.
async def test_a_charge_that_is_made_after_its_end_is_withdrawn(desk: Desk, db: Database) -> None:
    wanted = desk.wanted()
    recorded = await desk.record(wanted)
    await desk.sandbox.put("/faults/pix", json={"delay_ms": 300})
    submitting = asyncio.create_task(desk.pay(wanted))
    await asyncio.sleep(0.15)  # the bank is being asked
    await settle_charge(desk.ports, recorded.id, Charge("", PaymentStatus.CANCELLED))
    assert (await submitting).refusal is Refusal.REPLACED
    await desk.sandbox.put("/faults/pix", json={})
    await settled_down(desk)
    assert await desk.open_charges() == []
    (payment,) = await of_reference(db, wanted.reference)
    assert payment.status in GIVEN_UP


# The charge was made after it had been looked for, and not found: the newer plan to withdraw it is kept.
async def test_a_withdrawal_planned_anew_is_not_forgotten(desk: Desk, db: Database) -> None:
    recorded = await desk.record(desk.wanted())
    now = datetime.now(UTC)
    async with db.transaction() as connection:
        await payments.set_provider_reference(connection, recorded.id, recorded.id.hex, now)
    await settle_charge(desk.ports, recorded.id, Charge("", PaymentStatus.CANCELLED), withdraw_at=now)
    await withdraw_charge(desk.ports, recorded.id, now - timedelta(seconds=1))
    assert await withdrawal(db, recorded.id) == now
    await withdraw_charge(desk.ports, recorded.id, now)
    assert await withdrawal(db, recorded.id) is None


# Nobody else ends it: a little after its time the bank has the last word.
@pytest.mark.parametrize(("paid", "expected"), [(False, PaymentStatus.EXPIRED), (True, PaymentStatus.SUCCEEDED)])
async def test_a_payment_ends_by_itself(desk: Desk, db: Database, paid: bool, expected: PaymentStatus) -> None:
    wanted = desk.wanted()
    answer = await desk.pay(wanted)
    assert answer.payment
    if paid:
        await desk.sandbox.post(f"/charges/{answer.payment.id.hex}/pay")
    in_time = replace(desk.ports, now=lambda: wanted.expires_at + timedelta(seconds=59))
    afterwards = replace(desk.ports, now=lambda: wanted.expires_at + timedelta(seconds=61))
    if not paid:
        await check_payments(in_time, "pix", timedelta())
        (payment,) = await of_reference(db, wanted.reference)
        assert payment.status is PaymentStatus.REQUIRES_ACTION
    await check_payments(afterwards, "pix", timedelta())
    (payment,) = await of_reference(db, wanted.reference)
    assert payment.status is expected
    assert answer.payment.id.hex not in await desk.open_charges()
