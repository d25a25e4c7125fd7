"""Confirm a paid order: stock is sold, and the customer gets a code to pick it up with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.concessions.domain.order import Order, OrderItem, Shelf, on_shelves, stock_changes
from subgraphs.concessions.domain.order_states import SETTLED, OrderStatus, move
from subgraphs.concessions.domain.pickup_code import new_pickup_code
from subgraphs.concessions.domain.reservation import Confirmation, Ending, Reservation
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, reservations, stock
from subgraphs.concessions.use_cases.end_order import retire

CODE_ATTEMPTS = 8


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
    """Mark the reservation's order as paid. The same payment again: the same answer, with the same code.

    `paid_minor` is what of the payment was meant for concessions. It buys the order that cost exactly this: the live
    one, else the latest that was replaced or has expired, whose items are taken again while stock lasts. Money that
    fits none buys the latest order, unless it is less than the order's total: AMOUNT_MISMATCH, and nothing changes.
    """
    known = await reservations.remember_reservation(connection, reservation_id, customer_id)
    if known is None:
        return Confirmed(Confirmation.NONE)
    refusal = None if payment_id is None else known.refusal_of(payment_id)
    if refusal is not None:
        return Confirmed(refusal)
    outcome = await _confirm(connection, known, payment_id, today, paid_minor)
    if outcome.status is not Confirmation.PAID and payment_id is not None and paid_minor:
        await reservations.note_refusal(connection, reservation_id, payment_id, outcome.status)
    return outcome


async def _confirm(
    connection: AsyncConnection, known: Reservation, payment_id: UUID | None, today: date, paid_minor: int | None
) -> Confirmed:
    latest = await orders.latest_order(connection, known.id, known.customer_id)
    if latest is None:
        return Confirmed(Confirmation.NONE)
    if latest.status in SETTLED:
        return Confirmed(Confirmation.PAID, latest, await _items(connection, latest))
    if known.ended is Ending.CANCELLED:
        return Confirmed(Confirmation.CANCELLED, latest, await _items(connection, latest))
    order = await _paid_for(connection, known, latest, paid_minor)
    items = await _items(connection, order)
    if paid_minor is not None and paid_minor < order.total_minor:
        return Confirmed(Confirmation.AMOUNT_MISMATCH, order, items)
    if order.status is not OrderStatus.PLACED:
        if order.status is OrderStatus.CANCELLED and order.total_minor != paid_minor:
            return Confirmed(Confirmation.CANCELLED, order, items)
        again = await _place_again(connection, order, items, standing=latest)
        if again is None:
            return Confirmed(Confirmation.EXPIRED, order, items)
        order = again
    await stock.sell_reserved(connection, stock_changes(on_shelves(order.venue_id, items), {}))
    paid = await _mark_paid(connection, order, payment_id, today)
    await outbox.append(connection, order_event("concession_order.paid", paid, items))
    return Confirmed(Confirmation.PAID, paid, items)


async def _items(connection: AsyncConnection, order: Order) -> tuple[OrderItem, ...]:
    return tuple((await orders.items_of_orders(connection, [order.id]))[order.id])


async def _paid_for(connection: AsyncConnection, known: Reservation, latest: Order, paid_minor: int | None) -> Order:
    if paid_minor is None or paid_minor == latest.total_minor:
        return latest
    return await orders.latest_ended_of_total(connection, known.id, known.customer_id, paid_minor) or latest


class _StockGone(Exception):
    """Rolls the savepoint back."""


async def _place_again(
    connection: AsyncConnection, ended: Order, items: Sequence[OrderItem], *, standing: Order
) -> Order | None:
    """Order the items of an order that has ended anew, at the same prices; None when too little of them is left.

    An order that stands in its place is cancelled in any case: the money that came was not for it.
    """
    given_back: dict[Shelf, int] = {}
    if standing.status is OrderStatus.PLACED:
        lines = await _items(connection, standing)
        await retire(connection, standing, lines, OrderStatus.CANCELLED)
        given_back = on_shelves(standing.venue_id, lines)
    try:
        async with connection.begin_nested():
            order = await orders.insert_order(
                connection,
                order_id=uuid4(),
                reservation_id=ended.reservation_id,
                customer_id=ended.customer_id,
                venue_id=ended.venue_id,
                status=move(OrderStatus.DRAFT, OrderStatus.PLACED),
                total_minor=ended.total_minor,
                items=items,
                expires_at=ended.expires_at,
            )
            changes = stock_changes(on_shelves(order.venue_id, items), given_back)
            if await stock.change_reserved(connection, changes):
                raise _StockGone
    except _StockGone:
        await stock.change_reserved(connection, stock_changes({}, given_back))
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
