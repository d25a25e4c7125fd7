"""SQL of the orders. The customer is part of every key by which a customer's order is found."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.concessions.domain.order import Order, OrderItem
from subgraphs.concessions.domain.order_states import LIVE, OrderStatus
from subgraphs.concessions.tables import concession_order_items, concession_orders

_LIVE = [status.value for status in OrderStatus if status in LIVE]


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        reservation_id=row.reservation_id,
        customer_id=row.customer_id,
        venue_id=row.venue_id,
        status=OrderStatus(row.status),
        total_minor=row.total_minor,
        currency=row.currency,
        pickup_code=row.pickup_code,
        created_at=row.created_at,
    )


def _of_reservation(reservation_id: UUID, customer_id: UUID) -> tuple[Any, ...]:
    # The live order first; without one, the one that ended last.
    return (
        concession_orders.c.reservation_id == reservation_id,
        concession_orders.c.customer_id == customer_id,
    )


_LATEST = (
    case((is_one_of(concession_orders.c.status, _LIVE), 0), else_=1),
    concession_orders.c.created_at.desc(),
    concession_orders.c.id,
)


async def lock_latest_order(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Return the reservation's live order, else its latest one, locked until the transaction ends."""
    statement = (
        select(concession_orders)
        .where(*_of_reservation(reservation_id, customer_id))
        .order_by(*_LATEST)
        .limit(1)
        .with_for_update()
    )
    seen: UUID | None = None
    while True:
        row = (await connection.execute(statement)).one_or_none()
        # Whoever held the lock may have ended this order and placed another that our statement could not see yet:
        # an order that is not live counts only when a second look finds the same.
        if row is None or row.status in _LIVE or row.id == seen:
            return _order(row) if row is not None else None
        seen = row.id


async def insert_order(
    connection: AsyncConnection,
    *,
    order_id: UUID,
    reservation_id: UUID | None,
    customer_id: UUID | None,
    venue_id: UUID,
    status: OrderStatus,
    total_minor: int,
    items: Sequence[OrderItem],
) -> Order | None:
    """Store an order with its lines; return None when the reservation already has a live order.

    A concurrent insertion for the same reservation is waited for.
    """
    statement = (
        postgresql_insert(concession_orders)
        .values(
            id=order_id,
            reservation_id=reservation_id,
            customer_id=customer_id,
            venue_id=venue_id,
            status=status.value,
            total_minor=total_minor,
            # Not the transaction's start: an order placed after another ended in one transaction is the later one.
            created_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing(
            index_elements=[concession_orders.c.reservation_id],
            # Literals, as in the index: once PostgreSQL plans generically, bound values no longer match it.
            index_where=text(f"status IN ({', '.join(repr(status) for status in _LIVE)})"),
        )
        .returning(concession_orders)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    await connection.execute(
        insert(concession_order_items),
        [
            {
                "order_id": order_id,
                "product_id": item.product_id,
                "position": position,
                "quantity": item.quantity,
                "unit_price_minor": item.unit_price_minor,
            }
            for position, item in enumerate(items)
        ],
    )
    return _order(row)


async def set_status(connection: AsyncConnection, order_id: UUID, status: OrderStatus) -> Order:
    """Write the status of an order that the caller has locked."""
    statement = (
        update(concession_orders)
        .where(concession_orders.c.id == order_id)
        .values(status=status.value, updated_at=func.now())
        .returning(concession_orders)
    )
    return _order((await connection.execute(statement)).one())


async def set_paid(
    connection: AsyncConnection, order_id: UUID, *, payment_id: UUID | None, pickup_code: str, pickup_day: date
) -> Order | None:
    """Mark a locked order as paid under this code; return None when another order of the venue has the code."""
    statement = (
        update(concession_orders)
        .where(concession_orders.c.id == order_id)
        .values(
            status=OrderStatus.PAID.value,
            payment_id=payment_id,
            pickup_code=pickup_code,
            pickup_day=pickup_day,
            updated_at=func.now(),
        )
        .returning(concession_orders)
    )
    try:
        async with connection.begin_nested():
            return _order((await connection.execute(statement)).one())
    except IntegrityError as error:
        if "pickup_code" in str(error.orig):
            return None
        raise


async def find_order(connection: AsyncConnection, order_id: UUID, customer_id: UUID) -> Order | None:
    """Return the customer's order; another customer's and a missing one are both None."""
    statement = select(concession_orders).where(
        concession_orders.c.id == order_id, concession_orders.c.customer_id == customer_id
    )
    row = (await connection.execute(statement)).one_or_none()
    return _order(row) if row is not None else None


async def find_orders(connection: AsyncConnection, ids: Sequence[UUID], customer_id: UUID) -> dict[UUID, Order]:
    """Return those of the orders that are the customer's, by id."""
    statement = select(concession_orders).where(
        concession_orders.c.id.in_(ids), concession_orders.c.customer_id == customer_id
    )
    return {row.id: _order(row) for row in await connection.execute(statement)}


async def orders_of_reservations(
    connection: AsyncConnection, reservation_ids: Sequence[UUID], customer_id: UUID
) -> dict[UUID, Order]:
    """Return the customer's order of each reservation: the live one, else the one that ended last."""
    statement = (
        select(concession_orders)
        .ext(distinct_on(concession_orders.c.reservation_id))
        .where(
            concession_orders.c.reservation_id.in_(reservation_ids),
            concession_orders.c.customer_id == customer_id,
        )
        .order_by(concession_orders.c.reservation_id, *_LATEST)
    )
    return {row.reservation_id: _order(row) for row in await connection.execute(statement)}


async def items_of_orders(connection: AsyncConnection, order_ids: Iterable[UUID]) -> dict[UUID, list[OrderItem]]:
    """Return the lines of each order in the order in which they were asked for."""
    ids = list(order_ids)
    statement = (
        select(concession_order_items)
        .where(concession_order_items.c.order_id.in_(ids))
        .order_by(concession_order_items.c.order_id, concession_order_items.c.position)
    )
    found: dict[UUID, list[OrderItem]] = {order_id: [] for order_id in ids}
    for row in await connection.execute(statement):
        found[row.order_id].append(OrderItem(row.product_id, row.quantity, row.unit_price_minor))
    return found
