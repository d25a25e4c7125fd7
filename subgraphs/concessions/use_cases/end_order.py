"""Expire or cancel a reservation's order: what it held goes back on sale."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.concessions.domain.order import Order, OrderItem, quantities, stock_changes
from subgraphs.concessions.domain.order_states import OrderStatus, can_move
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, stock


async def expire_order(connection: AsyncConnection, *, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Expire the order unless it is paid or has ended; return it as it then stands, None when there is none."""
    return await _end(connection, reservation_id, customer_id, OrderStatus.EXPIRED)


async def cancel_order(connection: AsyncConnection, *, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Cancel the order, also a paid one, unless it is being prepared or has ended; return it as it then stands."""
    return await _end(connection, reservation_id, customer_id, OrderStatus.CANCELLED)


async def _end(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID, wanted: OrderStatus
) -> Order | None:
    order = await orders.lock_latest_order(connection, reservation_id, customer_id)
    if order is None or not can_move(order.status, wanted):
        return order
    items = (await orders.items_of_orders(connection, [order.id]))[order.id]
    await _give_back(connection, order, items)
    ended = await orders.set_status(connection, order.id, wanted)
    await outbox.append(connection, order_event(f"concession_order.{wanted.value.lower()}", ended, items))
    return ended


async def _give_back(connection: AsyncConnection, order: Order, items: Sequence[OrderItem]) -> None:
    if order.status is OrderStatus.PAID:
        await stock.take_back_sold(connection, order.venue_id, stock_changes(quantities(items), {}))
    else:
        await stock.change_reserved(connection, order.venue_id, stock_changes({}, quantities(items)))
