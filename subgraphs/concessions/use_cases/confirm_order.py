"""Confirm a paid order: stock is sold, and the customer gets a code to pick it up with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.concessions.domain.order import Order, OrderItem, quantities, stock_changes
from subgraphs.concessions.domain.order_states import SETTLED, OrderStatus, can_move, move
from subgraphs.concessions.domain.pickup_code import new_pickup_code
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, stock

CODE_ATTEMPTS = 8


class Confirmation(StrEnum):
    """What came of it: `NONE` when the reservation has no order."""

    PAID = "PAID"
    NONE = "NONE"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The outcome, with the order it is about and its lines."""

    status: Confirmation
    order: Order | None = None
    items: tuple[OrderItem, ...] = ()


class NoFreePickupCode(Exception):
    """Every code that was tried is taken: the venue has millions of open orders, or the random source is broken."""


async def confirm_order(
    connection: AsyncConnection,
    *,
    reservation_id: UUID,
    customer_id: UUID,
    payment_id: UUID | None,
    today: date,
    paid_minor: int | None = None,
) -> Confirmed:
    """Mark the reservation's order as paid. Again: the same answer with the same code.

    `paid_minor` is what of the payment was meant for concessions; less than the order's total changes nothing and
    answers AMOUNT_MISMATCH. Money that came after the order expired buys the same items while stock lasts.
    """
    order = await orders.lock_latest_order(connection, reservation_id, customer_id)
    if order is None:
        return Confirmed(Confirmation.NONE)
    items = (await orders.items_of_orders(connection, [order.id]))[order.id]
    if order.status in SETTLED:
        return Confirmed(Confirmation.PAID, order, tuple(items))
    if paid_minor is not None and paid_minor < order.total_minor:
        return Confirmed(Confirmation.AMOUNT_MISMATCH, order, tuple(items))
    if order.status is OrderStatus.EXPIRED:
        again = await _place_again(connection, order, items)
        if again is None:
            return Confirmed(Confirmation.EXPIRED, order, tuple(items))
        order = again
    if not can_move(order.status, OrderStatus.PAID):
        return Confirmed(Confirmation.CANCELLED, order, tuple(items))
    await stock.sell_reserved(connection, order.venue_id, stock_changes(quantities(items), {}))
    paid = await _mark_paid(connection, order, payment_id, today)
    await outbox.append(connection, order_event("concession_order.paid", paid, items))
    return Confirmed(Confirmation.PAID, paid, tuple(items))


class _StockGone(Exception):
    """Rolls the savepoint back."""


async def _place_again(connection: AsyncConnection, expired: Order, items: Sequence[OrderItem]) -> Order | None:
    # EXPIRED is terminal: the late money buys a new order with the same items at the same prices.
    try:
        async with connection.begin_nested():
            order = await orders.insert_order(
                connection,
                order_id=uuid4(),
                reservation_id=expired.reservation_id,
                customer_id=expired.customer_id,
                venue_id=expired.venue_id,
                status=move(OrderStatus.DRAFT, OrderStatus.PLACED),
                total_minor=expired.total_minor,
                items=items,
            )
            if order is None:
                raise _StockGone
            if await stock.change_reserved(connection, order.venue_id, stock_changes(quantities(items), {})):
                raise _StockGone
    except _StockGone:
        return None
    await outbox.append(connection, order_event("concession_order.placed", order, items))
    return order


async def _mark_paid(connection: AsyncConnection, order: Order, payment_id: UUID | None, today: date) -> Order:
    move(order.status, OrderStatus.PAID)
    for _ in range(CODE_ATTEMPTS):
        paid = await orders.set_paid(
            connection, order.id, payment_id=payment_id, pickup_code=new_pickup_code(), pickup_day=today
        )
        if paid is not None:
            return paid
    raise NoFreePickupCode(f"venue {order.venue_id}")
