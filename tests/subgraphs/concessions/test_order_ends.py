"""Orders end by themselves, begin only before their reservation ends, and are bought by the money that was for them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.concessions import background
from subgraphs.concessions.background import sweep
from subgraphs.concessions.domain.order import GRACE, LONGEST_HOLD
from subgraphs.concessions.tables import concession_orders, product_stock, reservations
from subgraphs.concessions.use_cases.expire_overdue import expire_overdue

from .conftest import OTHER_VENUE, POPCORN, SODA, Service

Stock = Callable[..., Awaitable[tuple[int, int, int]]]
Published = Callable[[], Awaitable[list[dict[str, Any]]]]


async def make_overdue(db: Database, **where: UUID) -> None:
    """The time of the reservation's orders (or of all) is over."""
    statement = sa.update(concession_orders).values(expires_at=sa.func.now() - timedelta(seconds=1))
    for column, value in where.items():
        statement = statement.where(concession_orders.c[column] == value)
    async with db.transaction() as connection:
        await connection.execute(statement)


async def statuses(db: Database) -> list[str]:
    async with db.connect() as connection:
        return list((await connection.execute(sa.select(concession_orders.c.status))).scalars())


@pytest.mark.parametrize("how", ["expire", "cancel"])
async def test_nothing_is_placed_once_the_flow_has_ended_the_reservation(
    service: Service, stock: Stock, how: str
) -> None:
    """The flow found no order to release; the checkout that began before it places one a moment later."""
    reservation, ana = uuid4(), uuid4()
    assert await service.end(how, reservation, ana) == {"status": "NONE", "totalMinor": 0}
    late = await service.place(reservation, ana, [(POPCORN, 2)])
    assert [(error["code"], error["field"]) for error in late["errors"]] == [("EXPIRED", "reservationId")]
    assert await stock(POPCORN) == (10, 0, 0)


async def test_the_order_that_was_paid_for_is_confirmed_although_it_was_replaced(
    service: Service, stock: Stock
) -> None:
    """Popcorn was paid for at the bank when another tab chose a soft drink: the money buys the popcorn."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.place(reservation, ana, [(SODA, 9)])
    confirmed = await service.confirm(reservation, ana, paidMinor=3000)
    assert (confirmed["status"], confirmed["totalMinor"]) == ("PAID", 3000)
    assert confirmed["items"] == [{"name": "Pipoca", "quantity": 2}]
    assert await stock(POPCORN) == (8, 0, 2)
    assert await stock(SODA) == (10, 0, 0)


async def test_another_order_of_the_same_price_is_what_the_buyer_chose_last(service: Service, stock: Stock) -> None:
    """Three popcorns and five soft drinks cost the same: the money fits the order that stands."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 3)])
    await service.place(reservation, ana, [(SODA, 5)])
    confirmed = await service.confirm(reservation, ana, paidMinor=4500)
    assert confirmed["items"] == [{"name": "Refrigerante", "quantity": 5}]
    assert await stock(POPCORN) == (10, 0, 0)


async def test_what_was_taken_back_is_bought_by_the_money_that_paid_for_it(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.place(reservation, ana, [])
    first = await service.confirm(reservation, ana, paidMinor=3000)
    assert first["status"] == "PAID"
    assert await service.confirm(reservation, ana, paidMinor=3000) == first
    assert await stock(POPCORN) == (8, 0, 2)


async def test_a_replaced_order_that_is_sold_out_by_now_frees_what_stood_in_its_place(
    service: Service, stock: Stock, db: Database
) -> None:
    """Told to be refunded; the order that nobody paid for keeps no stock from others."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.place(reservation, ana, [(SODA, 1)])
    await service.place(uuid4(), uuid4(), [(POPCORN, 9)])
    gone = await service.confirm(reservation, ana, paidMinor=3000)
    assert (gone["status"], gone["pickupCode"], gone["totalMinor"]) == ("EXPIRED", None, 3000)
    assert await stock(SODA) == (10, 0, 0)
    assert await stock(POPCORN) == (1, 9, 0)
    assert sorted(await statuses(db)) == ["CANCELLED", "CANCELLED", "PLACED"]


async def test_the_items_it_stands_on_are_enough_to_have_the_replaced_order_again(
    service: Service, stock: Stock
) -> None:
    """All the popcorn is in the later order: what that one gives back is what the earlier one takes."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 8)])
    await service.place(reservation, ana, [(POPCORN, 10)])
    assert (await service.confirm(reservation, ana, paidMinor=12_000))["status"] == "PAID"
    assert await stock(POPCORN) == (2, 0, 8)


@pytest.mark.parametrize("ordered", [True, False])
async def test_money_that_goes_back_buys_nothing_later(service: Service, stock: Stock, ordered: bool) -> None:
    """The answer to a payment is final: its refund may be under way already when there is popcorn again."""
    reservation, ana, payment = uuid4(), uuid4(), str(uuid4())
    other, bea = uuid4(), uuid4()
    if ordered:
        await service.place(reservation, ana, [(POPCORN, 2)])
        await service.end("expire", reservation, ana)
    await service.place(other, bea, [(POPCORN, 9)])
    refused = await service.confirm(reservation, ana, paidMinor=3000, paymentId=payment)
    assert refused["status"] == ("EXPIRED" if ordered else "NONE")
    await service.end("expire", other, bea)
    if not ordered:
        await service.place(reservation, ana, [(POPCORN, 2)])
    again = await service.confirm(reservation, ana, paidMinor=3000, paymentId=payment)
    assert (again["status"], again["pickupCode"]) == (refused["status"], None)
    assert (await service.confirm(reservation, ana, paidMinor=3000))["status"] == "PAID"


async def test_no_money_buys_what_a_cancelled_reservation_had_ordered(service: Service, stock: Stock) -> None:
    """Not by its amount either, and an expiry that comes late does not change that."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.end("cancel", reservation, ana)
    await service.end("expire", reservation, ana)
    assert (await service.confirm(reservation, ana, paidMinor=3000))["status"] == "CANCELLED"
    assert await stock(POPCORN) == (10, 0, 0)


async def test_a_paid_order_that_was_cancelled_is_not_bought_twice(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.confirm(reservation, ana, paidMinor=3000)
    await service.end("cancel", reservation, ana)
    assert (await service.confirm(reservation, ana, paidMinor=3000))["status"] == "CANCELLED"
    assert await stock(POPCORN) == (10, 0, 0)


async def test_somebody_elses_end_ends_nothing(service: Service) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    assert (await service.end("cancel", reservation, uuid4()))["status"] == "NONE"
    assert (await service.place(reservation, ana, [(POPCORN, 3)]))["errors"] == []


async def test_an_order_ends_soon_after_the_hold_and_never_later_than_the_longest_one(
    service: Service, db: Database
) -> None:
    now = datetime.now(UTC)
    held_until = now + timedelta(minutes=10)
    for given in ({"heldUntil": held_until.isoformat()}, {"heldUntil": "2999-01-01T00:00:00Z"}, {}):
        await service.place(uuid4(), uuid4(), [(POPCORN, 1)], **given)
    async with db.connect() as connection:
        ends = sorted((await connection.execute(sa.select(concession_orders.c.expires_at))).scalars())
    assert ends[0] == held_until + GRACE
    for end in ends[1:]:
        assert timedelta(0) <= end - (now + LONGEST_HOLD + GRACE) < timedelta(minutes=5)


async def test_nothing_is_placed_when_the_hold_is_over(service: Service, stock: Stock) -> None:
    over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    late = await service.place(uuid4(), uuid4(), [(POPCORN, 1)], heldUntil=over)
    assert late["errors"][0]["code"] == "EXPIRED"
    assert await stock(POPCORN) == (10, 0, 0)


async def test_a_hold_whose_end_has_no_time_zone_is_the_callers_fault(service: Service) -> None:
    answer = await service(
        "mutation ($i: PlaceConcessionOrderInput!) { placeConcessionOrder(input: $i) { order { id } } }",
        {
            "i": {
                "reservationId": str(uuid4()),
                "venueId": str(uuid4()),
                "items": [],
                "idempotencyKey": "k",
                "heldUntil": "2026-12-01T10:00:00",
            }
        },
        customer=uuid4(),
    )
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_sweep_ends_what_nobody_ended(
    service: Service, stock: Stock, db: Database, published: Published
) -> None:
    """Only what is overdue and unpaid; the stock of both venues is free again, and it is told."""
    overdue, paid, current = uuid4(), uuid4(), uuid4()
    ana = uuid4()
    await service.place(overdue, ana, [(POPCORN, 2), (SODA, 1)])
    await service.place(uuid4(), ana, [(POPCORN, 1)], venue=OTHER_VENUE)
    await service.place(paid, ana, [(SODA, 2)])
    await service.confirm(paid, ana)
    await make_overdue(db)
    await service.place(current, ana, [(POPCORN, 3)])
    assert await sweep(db) == 2
    assert await sweep(db) == 0
    assert await stock(POPCORN) == (7, 3, 0)
    assert await stock(SODA) == (8, 0, 2)
    assert await stock(POPCORN, OTHER_VENUE) == (3, 0, 0)
    told = [event for event in await published() if event["type"] == "concession_order.expired"]
    assert {event["data"]["total"]["amount_minor"] for event in told} == {3900, 1500}
    assert (await service.place(overdue, ana, [(POPCORN, 1)]))["errors"][0]["code"] == "EXPIRED"
    late = await service.confirm(overdue, ana, paidMinor=3900)
    assert late["status"] == "PAID"
    assert await stock(POPCORN) == (5, 3, 2)


async def test_the_service_sweeps_by_itself_and_outlives_a_fault(
    service: Service, stock: Stock, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sweep of this test finds the database's rules broken by hand; the next one works."""
    reservation = uuid4()
    await service.place(reservation, uuid4(), [(POPCORN, 2)])
    await make_overdue(db)
    monkeypatch.setattr(background, "TICK_SECONDS", 0.01)
    async with db.transaction() as connection:
        await connection.execute(sa.update(product_stock).values(reserved=0))
    stopping = asyncio.Event()
    running = type("Running", (), {"database": db})()
    task = asyncio.create_task(background.end_overdue_orders(running, stopping))
    await asyncio.sleep(0.1)
    assert await statuses(db) == ["PLACED"]
    async with db.transaction() as connection:
        await connection.execute(
            sa.update(product_stock).where(product_stock.c.product_id == POPCORN).values(reserved=2)
        )
    for _ in range(1000):
        if await statuses(db) == ["EXPIRED"]:
            break
        await asyncio.sleep(0.01)
    stopping.set()
    await task
    assert await stock(POPCORN) == (10, 0, 0)


async def test_the_sweep_leaves_what_somebody_works_on(service: Service, db: Database, stock: Stock) -> None:
    """A confirmation that holds the reservation is not waited for, and not overtaken."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.place(uuid4(), uuid4(), [(POPCORN, 1)])
    await make_overdue(db)
    async with db.transaction() as working:
        await working.execute(sa.select(reservations).where(reservations.c.id == reservation).with_for_update())
        assert await sweep(db) == 1
    assert await sweep(db) == 1
    assert await stock(POPCORN) == (10, 0, 0)


async def test_one_sweep_takes_no_more_than_its_batch(service: Service, db: Database) -> None:
    """Also under a plan that knows nothing of the values, ten times on one connection."""
    for _ in range(6):
        for _ in range(3):
            await service.place(uuid4(), uuid4(), [(SODA, 1)])
        await make_overdue(db)
        async with db.transaction() as connection:
            await connection.execute(sa.text("SET LOCAL plan_cache_mode = force_generic_plan"))
            assert await expire_overdue(connection, 2) == 2
        assert await sweep(db) == 1


async def test_reservations_that_never_ordered_are_forgotten_after_two_days(service: Service, db: Database) -> None:
    """The others are kept: their orders' history is theirs."""
    ordered, ended, recent = uuid4(), uuid4(), uuid4()
    await service.place(ordered, uuid4(), [(POPCORN, 1)])
    await service.end("expire", ended, uuid4())
    async with db.transaction() as connection:
        await connection.execute(sa.update(reservations).values(seen_at=sa.func.now() - timedelta(days=3)))
    await service.end("expire", recent, uuid4())
    await service.place(uuid4(), uuid4(), [])
    await sweep(db)
    async with db.connect() as connection:
        kept = set((await connection.execute(sa.select(reservations.c.id))).scalars())
    assert kept == {ordered, recent}


async def test_a_hundred_reservations_at_once_with_callers_who_leave(
    service: Service, db: Database, stock: Stock
) -> None:
    """Place, replace, confirm, end and sweep at random, a third of them cancelled in the middle: stock adds up."""
    dice = random.Random(8)
    held = [(uuid4(), uuid4()) for _ in range(25)]
    menu = [[(POPCORN, 1)], [(SODA, 1)], [(SODA, 2), (POPCORN, 1)], [(POPCORN, 2)], []]

    async def act(reservation: UUID, customer: UUID) -> None:
        match dice.randrange(6):
            case 0 | 1 | 2:
                await service.place(reservation, customer, dice.choice(menu))
            case 3:
                await service.confirm(reservation, customer, paidMinor=dice.choice([0, 900, 1500, 3000, 3300]))
            case 4:
                await service.end(dice.choice(["expire", "cancel"]), reservation, customer)
            case 5:
                await make_overdue(db, reservation_id=reservation)
                await sweep(db)

    for _ in range(6):
        tasks = [asyncio.create_task(act(*dice.choice(held))) for _ in range(50)]
        for task in dice.sample(tasks, 16):
            asyncio.get_running_loop().call_later(dice.random() / 20, task.cancel)
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*(service.end("expire", *pair) for pair in held))
    async with db.connect() as connection:
        owed = await connection.execute(
            sa.text(
                """SELECT product_id, sum(quantity) FROM concession_order_items i JOIN concession_orders o
                ON o.id = i.order_id WHERE o.status = 'PAID' GROUP BY product_id"""
            )
        )
        sold = {product: int(number) for product, number in owed}
    for product in (POPCORN, SODA):
        number = sold.get(product, 0)
        assert await stock(product) == (10 - number, 0, number)


async def test_the_reconciliation_is_told_of_live_and_overdue_orders(service: Service, db: Database) -> None:
    """Overdue ones it may end; callers other than workers are told nothing."""
    paid, placed, over = uuid4(), uuid4(), uuid4()
    ana = uuid4()
    for reservation in (paid, placed, over):
        await service.place(reservation, ana, [(POPCORN, 1)])
    await service.confirm(paid, ana)
    await make_overdue(db, reservation_id=over)
    facts = """query ($ids: [ID!]!) { overdueConcessionOrders
        concessionOrderFacts(reservationIds: $ids) { reservationId status totalMinor } }"""
    given = {"ids": [str(one) for one in (paid, placed, uuid4())]}
    told = (await service(facts, given, caller="workers"))["data"]
    assert told["overdueConcessionOrders"] == 1
    assert sorted((row["reservationId"], row["status"], row["totalMinor"]) for row in told["concessionOrderFacts"]) == (
        sorted([(str(paid), "PAID", 1500), (str(placed), "PLACED", 1500)])
    )
    end = "mutation { expireOverdueConcessionOrders }"
    assert (await service(end, caller="workers"))["data"] == {"expireOverdueConcessionOrders": 1}
    assert (await service(facts, given, caller="workers"))["data"]["overdueConcessionOrders"] == 0
    for document in (facts, end):
        refused = await service(document, given if document is facts else None, customer=ana)
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    garbage = await service(facts, {"ids": ["garbage"]}, caller="workers")
    assert garbage["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
