"""Any order of requests, payments, ends, cancellations and repetitions keeps the promises of the domain.

A machine of steps against a real database and a model of what is known from outside. After every step:

1. per unit at most one live hold or ticket; per sector sold + held + free = capacity, counted = found;
2. a ticket is live exactly when its reservation is confirmed, which is exactly when enough was paid;
4. a message that comes again gets its answer again and changes nothing;
5. nobody was told "sold out" while what they asked for was there, so nobody later got what they should have had;
6. what has ended stays ended, but for the declared late payment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import Database
from subgraphs.ticketing.domain.allocation import AllocationRequest
from subgraphs.ticketing.domain.reservation_states import TRANSITIONS, ReservationStatus
from subgraphs.ticketing.tables import metadata, reservation_units, reservations, sectors, tickets, units
from subgraphs.ticketing.use_cases.allocate_batch import BatchResult, allocate_batch
from subgraphs.ticketing.use_cases.begin_checkout import begin_checkout
from subgraphs.ticketing.use_cases.cancel_reservation import cancel_reservation
from subgraphs.ticketing.use_cases.confirm_reservation import ConfirmStatus, Settlement, confirm_reservation
from subgraphs.ticketing.use_cases.expire_reservation import expire_reservation
from subgraphs.ticketing.use_cases.sweep_expired_holds import sweep_expired_holds
from tests.subgraphs.ticketing.conftest import FEE, LAWN, PLACES, PRICE, SEATS, SESSION, STAND, end_hold, fill

TOTAL = PRICE + FEE
CAPACITY = {STAND: len(SEATS), LAWN: len(PLACES)}
CUSTOMERS = [UUID(int=n) for n in range(1, 8)]
LIMIT = 4
_S = ReservationStatus
SOLD_OUT = _S.REJECTED_SOLD_OUT
# Steps that one call may take at once: a late confirmation ends the hold first, a direct one begins the checkout.
REACHABLE = {
    state: {state} | TRANSITIONS[state] | {far for near in TRANSITIONS[state] for far in TRANSITIONS[near]}
    for state in ReservationStatus
}

Result = TypeVar("Result")
Step = Callable[[AsyncConnection], Awaitable[Result]]


NUMBERS = st.integers(0, 99)


def has_requests(machine: Any) -> bool:
    return bool(machine.requests)


class Sales(RuleBasedStateMachine):
    """``states`` is what each reservation was when last looked at; ``paid`` what each was confirmed with."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    database: ClassVar[Database]

    @initialize()
    def begin(self) -> None:
        self.states: dict[UUID, ReservationStatus] = {}
        self.paid: dict[UUID, UUID] = {}
        self.requests: list[AllocationRequest] = []
        self.run(fill(self.database, limit=LIMIT))

    def pick(self, number: int, *states: ReservationStatus) -> AllocationRequest:
        """One of the requests, rather one in these states: otherwise most steps would find nothing to do."""
        likely = [request for request in self.requests if self.states[request.reservation_id] in states]
        among = likely or self.requests
        return among[number % len(among)]

    def run(self, work: Awaitable[Result]) -> Result:
        return self.loop.run_until_complete(_as_coroutine(work))

    def change(self, step: Step[Result]) -> Result:
        async def in_transaction() -> Result:
            async with self.database.transaction() as connection:
                return await step(connection)

        return self.run(in_transaction())

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(
        wants=st.lists(
            st.tuples(
                st.sampled_from(CUSTOMERS),
                st.one_of(
                    st.tuples(st.sampled_from([LAWN, STAND]), st.integers(1, 3), st.none()),
                    st.lists(st.sampled_from(SEATS), min_size=1, max_size=3, unique=True).map(
                        lambda seats: (STAND, len(seats), tuple(seats))
                    ),
                ),
            ),
            min_size=1,
            max_size=3,
        ),
    )
    def batch(self, wants: list[tuple[UUID, tuple[UUID, int, tuple[UUID, ...] | None]]]) -> None:
        requests = [_request(customer, *what) for customer, what in wants]
        free = self.run(self.free_units())
        result = self.change(lambda connection: allocate_batch(connection, requests))
        self.judge(requests, result, free)
        self.requests += requests

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def the_same_message_again(self, number: int) -> None:
        request = self.pick(number)
        before = self.run(self.everything())
        result = self.change(lambda connection: allocate_batch(connection, [request]))
        assert result.outcomes[0].replayed
        assert self.run(self.everything()) == before

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def checkout(self, number: int) -> None:
        request = self.pick(number, _S.HELD)
        self.change(lambda connection: begin_checkout(connection, request.reservation_id, request.customer_id))

    @precondition(has_requests)
    @rule(number=NUMBERS, enough=st.sampled_from([True, True, True, False]))
    def payment(self, number: int, enough: bool) -> None:
        request = self.pick(number, _S.HELD, _S.AWAITING_PAYMENT, _S.EXPIRED)
        payment, amount = uuid4(), request.quantity * TOTAL - (not enough)
        status = self.confirm(request, payment, amount)
        if status is ConfirmStatus.CONFIRMED:
            assert enough
            assert request.reservation_id not in self.paid
            self.paid[request.reservation_id] = payment

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def a_second_payment(self, number: int) -> None:
        request = self.pick(number, _S.CONFIRMED)
        if self.states[request.reservation_id] is _S.CONFIRMED:
            status = self.confirm(request, uuid4(), request.quantity * TOTAL)
            assert status is ConfirmStatus.DUPLICATE_PAYMENT

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def the_same_payment_again(self, number: int) -> None:
        request = self.pick(number, _S.CONFIRMED, _S.CANCELLED)
        payment = self.paid.get(request.reservation_id)
        if payment is None:
            return
        before = self.run(self.everything())
        status = self.confirm(request, payment, request.quantity * TOTAL)
        assert status in (ConfirmStatus.CONFIRMED, ConfirmStatus.CANCELLED)
        assert self.run(self.everything()) == before

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def time_is_up(self, number: int) -> None:
        request = self.pick(number, _S.HELD, _S.AWAITING_PAYMENT)
        if self.states.get(request.reservation_id) in (_S.HELD, _S.AWAITING_PAYMENT):
            self.run(end_hold(self.database, request.reservation_id))

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def expiry(self, number: int) -> None:
        request = self.pick(number, _S.HELD, _S.AWAITING_PAYMENT)
        self.change(lambda connection: expire_reservation(connection, request.reservation_id, request.customer_id))

    @rule()
    def sweep(self) -> None:
        self.change(lambda connection: sweep_expired_holds(connection, 100))

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def cancellation(self, number: int) -> None:
        request = self.pick(number, _S.HELD, _S.AWAITING_PAYMENT, _S.CONFIRMED)
        self.change(lambda connection: cancel_reservation(connection, request.reservation_id, request.customer_id))

    @precondition(has_requests)
    @rule(number=NUMBERS)
    def a_stranger(self, number: int) -> None:
        request = self.pick(number, _S.HELD, _S.AWAITING_PAYMENT, _S.CONFIRMED)
        before, stranger = self.run(self.everything()), uuid4()
        id_ = request.reservation_id
        self.change(lambda connection: begin_checkout(connection, id_, stranger))
        self.change(lambda connection: cancel_reservation(connection, id_, stranger))
        self.change(lambda connection: expire_reservation(connection, id_, stranger))
        assert self.run(self.everything()) == before

    # --- what must be true --------------------------------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "states"):
            self.run(self.look())

    async def look(self) -> None:
        async with self.database.connect() as connection:
            rows = (await connection.execute(sa.select(reservations))).all()
            stock = (await connection.execute(sa.select(units))).all()
            counted = (await connection.execute(sa.select(sectors))).all()
            kept = (await connection.execute(sa.select(reservation_units))).all()
            live = (await connection.execute(sa.select(tickets).where(tickets.c.status == "ISSUED"))).all()
        by_id = {row.id: row for row in rows}
        for sector in counted:
            mine = [unit.state for unit in stock if unit.sector_id == sector.id]
            assert len(mine) == sector.capacity
            assert (sector.held, sector.sold) == (mine.count("HELD"), mine.count("SOLD"))
        assert len({ticket.unit_id for ticket in live}) == len(live)
        for unit in stock:
            holder = by_id.get(unit.reservation_id)
            ticketed = [ticket for ticket in live if ticket.unit_id == unit.id]
            assert len(ticketed) == (unit.state == "SOLD")
            if unit.state == "HELD":
                assert holder is not None
                assert holder.status in ("HELD", "AWAITING_PAYMENT")
                assert holder.held_until == unit.held_until
        for row in rows:
            has = sum(unit.reservation_id == row.id for unit in stock)
            assert has == (row.quantity if row.status in ("HELD", "AWAITING_PAYMENT", "CONFIRMED") else 0)
            assert sum(entry.reservation_id == row.id for entry in kept) in (0, row.quantity)
            confirmed = row.status == "CONFIRMED"
            assert sum(ticket.reservation_id == row.id for ticket in live) == (row.quantity if confirmed else 0)
            assert not confirmed or row.payment_id == self.paid[row.id]
            status = ReservationStatus(row.status)
            assert status in REACHABLE[self.states.get(row.id, _S.QUEUED)], (self.states.get(row.id), status)
            self.states[row.id] = status
        for customer in CUSTOMERS:
            assert sum(row.quantity for row in rows if row.customer_id == customer and _counts(row)) <= LIMIT

    async def free_units(self) -> dict[UUID, set[UUID]]:
        """What could be had at this moment, by the predicate."""
        now = datetime.now(UTC)
        async with self.database.connect() as connection:
            stock = (await connection.execute(sa.select(units))).all()
        free: dict[UUID, set[UUID]] = {STAND: set(), LAWN: set()}
        for unit in stock:
            if unit.state == "FREE" or (unit.held_until is not None and unit.held_until <= now):
                free[unit.sector_id].add(unit.id)
        return free

    def judge(self, requests: list[AllocationRequest], result: BatchResult, free: dict[UUID, set[UUID]]) -> None:
        """In order: sold out only when it was; held only what was free."""
        got = self.run(self.units_by_reservation())
        for request, outcome in zip(requests, result.outcomes, strict=True):
            left = free[request.sector_id]
            could = len(left) >= request.quantity if request.seat_ids is None else set(request.seat_ids) <= left
            if outcome.status is SOLD_OUT:
                assert not could
            elif outcome.status is _S.HELD:
                assert could
                taken = got[request.reservation_id]
                assert taken <= left
                assert request.seat_ids is None or taken == set(request.seat_ids)
                left -= taken
            else:
                assert outcome.status is _S.REJECTED_INVALID  # the customer's limit

    async def units_by_reservation(self) -> dict[UUID, set[UUID]]:
        async with self.database.connect() as connection:
            rows = (await connection.execute(sa.select(reservation_units))).all()
        found: dict[UUID, set[UUID]] = {}
        for row in rows:
            found.setdefault(row.reservation_id, set()).add(row.unit_id)
        return found

    async def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables, the outbox included."""
        async with self.database.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in await connection.execute(sa.select(table))), key=repr)
                for table in metadata.sorted_tables
            }

    def confirm(self, request: AllocationRequest, payment: UUID, amount: int) -> ConfirmStatus:
        settlement = Settlement(payment, amount, "BRL")
        status, _ = self.change(
            lambda connection: confirm_reservation(connection, request.reservation_id, request.customer_id, settlement)
        )
        return status


def _request(customer: UUID, sector: UUID, quantity: int, seats: tuple[UUID, ...] | None) -> AllocationRequest:
    return AllocationRequest(
        reservation_id=uuid4(),
        customer_id=customer,
        session_id=SESSION,
        sector_id=sector,
        quantity=quantity,
        seat_ids=seats,
        idempotency_key=uuid4().hex,
        requested_at=datetime.now(UTC) - timedelta(seconds=1),
        sequence=1,
    )


def _counts(row: Any) -> bool:
    """Whether it counts towards the customer's limit: bought, or held at this moment."""
    if row.status in ("HELD", "AWAITING_PAYMENT"):
        return bool(row.held_until > datetime.now(UTC))
    return bool(row.status == "CONFIRMED")


async def _as_coroutine(work: Awaitable[Result]) -> Result:
    return await work


def test_no_order_of_events_breaks_a_promise(database: Callable[[str], str]) -> None:
    loop = asyncio.new_event_loop()
    Sales.loop, Sales.database = loop, Database(database("ticketing"), pool_size=1)
    try:
        run_state_machine_as_test(
            Sales,
            settings=settings(
                max_examples=18,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
                # Shrinking against a database takes minutes: add Phase.shrink to look into a failure.
                phases=[Phase.generate],
            ),
        )
    finally:
        loop.run_until_complete(Sales.database.dispose())
        loop.close()
