"""SQL of the orders. The customer is part of every key by which a customer's order is found."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.concessions.domain.order import Order, OrderItem
from subgraphs.concessions.domain.order_states import LIVE, OrderStatus
from subgraphs.concessions.tables import concession_order_items, concession_orders, reservations

_LIVE = [status.value for status in OrderStatus if status in LIVE]
_ENDED = [OrderStatus.EXPIRED.value, OrderStatus.CANCELLED.value]


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
        expires_at=row.expires_at,
    )


# The live order first; without one, the one that ended last. Each is a reservation's order only together with the
# customer. Literal statuses, as in the partial indexes: a generic plan does not match bound values with them.
_IS_LIVE = is_one_of(concession_orders.c.status, _LIVE)
_LATEST = (case((_IS_LIVE, 0), else_=1), concession_orders.c.created_at.desc(), concession_orders.c.id)


async def latest_order(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Return the live order of a reservation that the caller has locked, else the one that ended last."""
    statement = (
        select(concession_orders)
        .where(concession_orders.c.reservation_id == reservation_id, concession_orders.c.customer_id == customer_id)
        .order_by(*_LATEST)
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return _order(row) if row is not None else None


async def latest_ended_of_total(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID, total_minor: int
) -> Order | None:
    """Return the latest order of a locked reservation that ended and cost exactly this."""
    statement = (
        select(concession_orders)
        .where(
            concession_orders.c.reservation_id == reservation_id,
            concession_orders.c.customer_id == customer_id,
            concession_orders.c.total_minor == total_minor,
            is_one_of(concession_orders.c.status, _ENDED),
        )
        .order_by(concession_orders.c.created_at.desc(), concession_orders.c.id)
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return _order(row) if row is not None else None


async def expire_overdue(connection: AsyncConnection, limit: int) -> list[Order]:
    """Expire up to `limit` orders whose time is over, the longest over first; return them as they now stand.

    Their reservations are locked with them. Orders of a reservation that somebody is working on are left for later.
    """
    overdue = (
        select(concession_orders.c.id)
        .join(reservations, reservations.c.id == concession_orders.c.reservation_id)
        .where(
            text("concession_orders.status = 'PLACED'"),
            concession_orders.c.expires_at <= func.clock_timestamp(),
        )
        .order_by(concession_orders.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("overdue")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    statement = (
        update(concession_orders)
        .where(concession_orders.c.id == overdue.c.id)
        .values(status=OrderStatus.EXPIRED.value, updated_at=func.now())
        .returning(concession_orders)
    )
    return [_order(row) for row in await connection.execute(statement)]


async def count_overdue(connection: AsyncConnection, most: int) -> int:
    """Return how many orders are past their end; counts no further than `most`."""
    overdue = (
        select(concession_orders.c.id)
        .where(text("concession_orders.status = 'PLACED'"), concession_orders.c.expires_at <= func.clock_timestamp())
        .limit(most)
        .subquery()
    )
    return int(await connection.scalar(select(func.count()).select_from(overdue)) or 0)


async def live_orders(connection: AsyncConnection, reservation_ids: Sequence[UUID]) -> list[Order]:
    """Return the live orders of these reservations, whoever's they are."""
    statement = select(concession_orders).where(concession_orders.c.reservation_id.in_(reservation_ids), _IS_LIVE)
    return [_order(row) for row in await connection.execute(statement)]


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
    expires_at: datetime | None,
) -> Order:
    """Store an order with its lines. The caller has locked the reservation and seen that it has no live order."""
    statement = (
        insert(concession_orders)
        .values(
            id=order_id,
            reservation_id=reservation_id,
            customer_id=customer_id,
            venue_id=venue_id,
            status=status.value,
            total_minor=total_minor,
            # Not the transaction's start: an order placed after another ended in one transaction is the later one.
            created_at=func.clock_timestamp(),
            expires_at=expires_at,
        )
        .returning(concession_orders)
    )
    row = (await connection.execute(statement)).one()
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
