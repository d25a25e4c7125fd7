"""Many at once on real PostgreSQL: nothing is sold twice, nobody is deadlocked, nobody is refused for nothing."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.ticketing.domain.allocation import AllocationOutcome, AllocationRequest
from subgraphs.ticketing.domain.gate import CheckInRefusal
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.domain.ticket_qr import QrClaims
from subgraphs.ticketing.repositories import tickets as ticket_rows
from subgraphs.ticketing.tables import sectors, sessions, tickets, units
from subgraphs.ticketing.use_cases.allocate_batch import allocate_batch
from subgraphs.ticketing.use_cases.cancel_reservation import cancel_reservation
from subgraphs.ticketing.use_cases.check_in_ticket import CheckInRefused, Gate, check_in_qr
from subgraphs.ticketing.use_cases.confirm_reservation import ConfirmStatus, Settlement, confirm_reservation
from subgraphs.ticketing.use_cases.expire_reservation import expire_reservation
from subgraphs.ticketing.use_cases.sweep_expired_holds import sweep_expired_holds
from tests.subgraphs.ticketing.conftest import FEE, LAWN, PRICE, SEATS, SESSION, STAND, counters, end_hold, fill

PLACES_ON_SALE = 60


@pytest.fixture
async def crowd(url: str) -> AsyncIterator[Database]:
    """A database with a lawn of sixty places and a pool for many at once."""
    # Everybody waits for the same sector, and the machine may be busy.
    db = Database(url, pool_size=12, limits=BACKGROUND)
    await fill(db)
    async with db.transaction() as connection:
        more = [
            {"id": uuid4(), "sector_id": LAWN, "position": place, "label": f"G-{place}", "kind": "PLACE"}
            for place in range(5, PLACES_ON_SALE)
        ]
        await connection.execute(units.insert().values(more))
        await connection.execute(sectors.update().where(sectors.c.id == LAWN).values(capacity=PLACES_ON_SALE))
    yield db
    await db.dispose()


def request(
    sector: UUID = LAWN, quantity: int = 1, seats: tuple[UUID, ...] | None = None, customer: UUID | None = None
) -> AllocationRequest:
    return AllocationRequest(
        reservation_id=uuid4(),
        customer_id=customer or uuid4(),
        session_id=SESSION,
        sector_id=sector,
        quantity=quantity,
        seat_ids=seats,
        idempotency_key=uuid4().hex,
        requested_at=datetime.now(UTC),
        sequence=1,
    )


async def allocate(db: Database, *requests: AllocationRequest) -> list[AllocationOutcome]:
    async with db.transaction() as connection:
        return (await allocate_batch(connection, requests)).outcomes


async def pay(db: Database, wanted: AllocationRequest, payment: UUID | None = None) -> ConfirmStatus:
    settlement = Settlement(payment or uuid4(), wanted.quantity * (PRICE + FEE), "BRL")
    async with db.transaction() as connection:
        status, _ = await confirm_reservation(connection, wanted.reservation_id, wanted.customer_id, settlement)
    return status


async def test_parallel_batches_sell_every_place_once(crowd: Database) -> None:
    """Twelve batches of ten for sixty places: sixty are held, sixty are told that it is sold out."""
    batches = [[request() for _ in range(10)] for _ in range(12)]
    outcomes = await asyncio.gather(*(allocate(crowd, *batch) for batch in batches))
    statuses = [outcome.status for batch in outcomes for outcome in batch]
    assert statuses.count(ReservationStatus.HELD) == PLACES_ON_SALE
    assert statuses.count(ReservationStatus.REJECTED_SOLD_OUT) == 120 - PLACES_ON_SALE
    assert await counters(crowd, LAWN) == (PLACES_ON_SALE, 0)


async def test_one_seat_goes_to_one_of_those_who_want_it(crowd: Database) -> None:
    """Pairs that overlap in every order neither deadlock nor share a seat."""
    pairs = [tuple(random.sample(SEATS, 2)) for _ in range(24)]
    requests = [request(STAND, 2, pair) for pair in pairs]
    outcomes = await asyncio.gather(*(allocate(crowd, wanted) for wanted in requests))
    held = [
        seat
        for wanted, [outcome] in zip(requests, outcomes, strict=True)
        if outcome.status is ReservationStatus.HELD
        for seat in wanted.seat_ids or ()
    ]
    assert held
    assert len(held) == len(set(held))
    assert await counters(crowd, STAND) == (len(held), 0)


async def test_the_same_message_at_the_same_moment_is_decided_once(crowd: Database) -> None:
    again = [request(quantity=2)] * 8
    outcomes = await asyncio.gather(*(allocate(crowd, one) for one in again))
    assert {outcome.status for [outcome] in outcomes} == {ReservationStatus.HELD}
    assert [outcome.replayed for [outcome] in outcomes].count(False) == 1
    assert await counters(crowd, LAWN) == (2, 0)


async def test_a_customers_limit_holds_across_sectors_at_the_same_moment(crowd: Database) -> None:
    """Four tickets may be had; eight requests at once, in two sectors, get no fifth."""
    ana = uuid4()
    requests = [request(sector, customer=ana) for sector in (LAWN, STAND) * 4]
    outcomes = await asyncio.gather(*(allocate(crowd, wanted) for wanted in requests))
    assert [outcome.status for [outcome] in outcomes].count(ReservationStatus.HELD) == 4


async def test_a_payment_that_races_with_the_end_has_one_winner(crowd: Database) -> None:
    """Confirm, expire, cancel, sweep and somebody else's request at once: sold once or not at all."""
    for _ in range(6):
        wanted = request(STAND, 2, tuple(SEATS[:2]))
        [outcome] = await allocate(crowd, wanted)
        assert outcome.status is ReservationStatus.HELD
        await end_hold(crowd, wanted.reservation_id)
        rival = request(STAND, 2, (SEATS[1], SEATS[2]))

        async def expire(mine: AllocationRequest) -> None:
            async with crowd.transaction() as connection:
                await expire_reservation(connection, mine.reservation_id, mine.customer_id)

        async def sweep() -> None:
            async with crowd.transaction() as connection:
                await sweep_expired_holds(connection, 100)

        paid, [taken], *_ = await asyncio.gather(
            pay(crowd, wanted), allocate(crowd, rival), expire(wanted), sweep(), pay(crowd, wanted)
        )
        sold = taken.status is not ReservationStatus.HELD
        assert paid in (
            {ConfirmStatus.CONFIRMED, ConfirmStatus.DUPLICATE_PAYMENT} if sold else {ConfirmStatus.UNITS_TAKEN}
        )
        assert await counters(crowd, STAND) == ((0, 2) if sold else (2, 0))
        for mine in (wanted, rival):
            async with crowd.transaction() as connection:
                await cancel_reservation(connection, mine.reservation_id, mine.customer_id)
        assert await counters(crowd, STAND) == (0, 0)


async def test_two_payments_at_once_sell_once(crowd: Database) -> None:
    wanted = request()
    await allocate(crowd, wanted)
    answers = await asyncio.gather(*(pay(crowd, wanted) for _ in range(6)))
    assert answers.count(ConfirmStatus.CONFIRMED) == 1
    assert answers.count(ConfirmStatus.DUPLICATE_PAYMENT) == 5
    assert await counters(crowd, LAWN) == (0, 1)


async def test_ten_gates_let_one_ticket_in_once(crowd: Database) -> None:
    wanted = request()
    await allocate(crowd, wanted)
    await pay(crowd, wanted)
    async with crowd.connect() as connection:
        [row] = (await ticket_rows.of_reservations(connection, [wanted.reservation_id], wanted.customer_id))[
            wanted.reservation_id
        ]

    async def scan(claims: QrClaims) -> CheckInRefusal | None:
        async with crowd.transaction() as connection:
            outcome = await check_in_qr(connection, Gate(SESSION, "A", uuid4()), claims)
            return outcome.reason if isinstance(outcome, CheckInRefused) else None

    async with crowd.transaction() as connection:
        await connection.execute(sessions.update().values(starts_at=sa.func.now() + sa.text("interval '1 hour'")))
    answers = await asyncio.gather(*(scan(row.claims) for _ in range(10)))
    assert Counter(answers) == {None: 1, CheckInRefusal.ALREADY_CHECKED_IN: 9}
    assert await scan(QrClaims(row.id, row.session_id, b"0" * 16)) is CheckInRefusal.NOT_FOUND


async def test_the_database_itself_refuses_a_second_live_ticket(crowd: Database) -> None:
    """The backstop behind the code: no bug above it can sell a unit twice."""
    wanted = request()
    await allocate(crowd, wanted)
    await pay(crowd, wanted)
    async with crowd.connect() as connection:
        issued = dict((await connection.execute(sa.select(tickets))).mappings().one())
    with pytest.raises(sa.exc.IntegrityError, match="uq_tickets_live_unit"):
        async with crowd.transaction() as connection:
            await connection.execute(tickets.insert().values(**{**issued, "id": uuid4(), "code": "other"}))
    with pytest.raises(sa.exc.IntegrityError, match="ck_sectors_counters"):
        async with crowd.transaction() as connection:
            await connection.execute(sectors.update().where(sectors.c.id == LAWN).values(held=PLACES_ON_SALE))
