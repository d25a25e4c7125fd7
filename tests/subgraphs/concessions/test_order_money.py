"""In whatever order things happen to orders: stock adds up, and money is worth an order or goes back."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import Database
from subgraphs.concessions.domain.order import RequestedItem
from subgraphs.concessions.domain.reservation import Confirmation
from subgraphs.concessions.tables import concession_order_items, concession_orders, metadata, product_stock, products
from subgraphs.concessions.use_cases.confirm_order import confirm_order
from subgraphs.concessions.use_cases.end_order import cancel_order, expire_order
from subgraphs.concessions.use_cases.expire_overdue import expire_overdue
from subgraphs.concessions.use_cases.place_order import Placed, PlaceOrder, place_order

VENUE, ANA = uuid4(), uuid4()
PRICES = {UUID(int=1): 1500, UUID(int=2): 900}
IN_STOCK = 4
TODAY = datetime.now(UTC).date()

_items = st.dictionaries(st.sampled_from(sorted(PRICES)), st.integers(1, 3), max_size=2)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(0, 1), _items),
        # The payment of one of the choices made so far succeeds and is handed over, maybe long after another choice.
        st.tuples(st.just("pay"), st.integers(0, 1), st.integers(0, 5)),
        st.tuples(st.just("again"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["expire", "cancel", "overdue"]), st.integers(0, 1)),
    ),
    max_size=14,
)


@dataclass
class Buyer:
    """A reservation, what each payment that was opened for it asked for concessions, and what came of the paid one."""

    reservation_id: UUID = field(default_factory=uuid4)
    charged: list[tuple[int, dict[UUID, int]]] = field(default_factory=list)
    paid: tuple[int, dict[UUID, int]] | None = None
    refunded: int | None = None
    ended: bool = False
    payment_id: UUID = field(default_factory=uuid4)


@given(_steps)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stock_and_money_add_up(url: str, steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(_play(url, steps))


async def _play(url: str, steps: list[tuple[Any, ...]]) -> None:
    database = Database(url)
    try:
        async with database.transaction() as connection:
            await _open_shop(connection)
        buyers = [Buyer(), Buyer()]
        for step, number, *more in steps:
            async with database.transaction() as connection:
                await _act(connection, buyers[number], step, *more)
                await _check_stock(connection)
        async with database.transaction() as connection:
            await connection.execute(sa.update(concession_orders).values(expires_at=sa.func.now()))
            await expire_overdue(connection)
            await _check_stock(connection)
            for buyer in buyers:
                await _check_money(connection, buyer)
            reserved = await connection.scalar(sa.select(sa.func.sum(product_stock.c.reserved)))
            assert reserved == 0, "nothing is held when everything has ended"
    finally:
        await database.dispose()


async def _act(connection: AsyncConnection, buyer: Buyer, step: str, *more: Any) -> None:
    whose = {"reservation_id": buyer.reservation_id, "customer_id": ANA}
    match step:
        case "place":
            (items,) = more
            wanted = PlaceOrder(
                customer_id=ANA,
                reservation_id=buyer.reservation_id,
                venue_id=VENUE,
                items=tuple(RequestedItem(product, quantity) for product, quantity in items.items()),
                idempotency_key=uuid4().hex,
                held_until=datetime.now(UTC) + timedelta(minutes=5),
            )
            outcome = await place_order(connection, wanted, today=TODAY, now=datetime.now(UTC))
            if isinstance(outcome, Placed):
                # As checkout does: with the order placed, a payment of its total is opened.
                buyer.charged.append((outcome.order.total_minor if outcome.order else 0, items))
                assert (outcome.order is None) == (not items)
            if buyer.ended and items:
                assert not isinstance(outcome, Placed)
        case "pay" | "again":
            if step == "pay" and buyer.paid is None and buyer.charged:
                buyer.paid = buyer.charged[more[0] % len(buyer.charged)]
            if buyer.paid is not None:
                await _confirm(connection, buyer, buyer.paid[0])
        case "expire":
            await expire_order(connection, **whose)
            buyer.ended = True
        case "cancel":
            # The flow of a cancelled reservation gives back all that was paid.
            await cancel_order(connection, **whose)
            buyer.ended = True
            buyer.refunded = buyer.paid[0] if buyer.paid else buyer.refunded
        case "overdue":
            await connection.execute(sa.update(concession_orders).values(expires_at=sa.func.now()))
            await expire_overdue(connection)


async def _confirm(connection: AsyncConnection, buyer: Buyer, amount: int) -> None:
    """As the flow's step `confirm_concessions` does."""
    confirmed = await confirm_order(
        connection,
        reservation_id=buyer.reservation_id,
        customer_id=ANA,
        payment_id=buyer.payment_id,
        paid_minor=amount,
        today=TODAY,
    )
    refund = amount
    if confirmed.status is Confirmation.PAID:
        assert confirmed.order is not None
        refund = amount - confirmed.order.total_minor
        assert refund == 0, "the order that was paid for is the one that is had"
    if confirmed.status is Confirmation.AMOUNT_MISMATCH:
        await cancel_order(connection, reservation_id=buyer.reservation_id, customer_id=ANA)
    assert buyer.refunded in (None, refund), "a repeated confirmation asks for the same refund"
    buyer.refunded = refund


async def _check_stock(connection: AsyncConnection) -> None:
    held = await _units(connection, "PLACED")
    sold = await _units(connection, "PAID")
    for row in await connection.execute(sa.select(product_stock)):
        assert (row.reserved, row.sold) == (held.get(row.product_id, 0), sold.get(row.product_id, 0))
        assert row.available + row.reserved + row.sold == IN_STOCK


async def _units(connection: AsyncConnection, status: str) -> dict[UUID, int]:
    items, orders = concession_order_items, concession_orders
    rows = await connection.execute(
        sa.select(items.c.product_id, sa.func.sum(items.c.quantity))
        .join(orders, orders.c.id == items.c.order_id)
        .where(orders.c.status == status)
        .group_by(items.c.product_id)
    )
    return {product: int(quantity) for product, quantity in rows}


async def _check_money(connection: AsyncConnection, buyer: Buyer) -> None:
    value = await connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(concession_orders.c.total_minor), 0)).where(
            concession_orders.c.reservation_id == buyer.reservation_id, concession_orders.c.status == "PAID"
        )
    )
    paid = buyer.paid[0] if buyer.paid else 0
    assert value + (buyer.refunded or 0) == paid


async def _open_shop(connection: AsyncConnection) -> None:
    for table in reversed(metadata.sorted_tables):
        await connection.execute(table.delete())
    for position, (product, price) in enumerate(PRICES.items()):
        await connection.execute(
            products.insert().values(
                id=product,
                category="SNACK",
                name_pt="x",
                name_en="x",
                description_pt="x",
                description_en="x",
                event_kinds=[],
                price_minor=price,
                position=position,
            )
        )
        await connection.execute(product_stock.insert().values(venue_id=VENUE, product_id=product, available=IN_STOCK))
