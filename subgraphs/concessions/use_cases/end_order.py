"""Expire or cancel a reservation's order: what it held goes back on sale, and nothing is placed for it any more."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.concessions.domain.order import Order, OrderItem, on_shelves, stock_changes
from subgraphs.concessions.domain.order_states import OrderStatus, can_move, move
from subgraphs.concessions.domain.reservation import Ending
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, reservations, stock


async def expire_order(connection: AsyncConnection, *, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Expire the order unless it is paid or has ended; return it as it then stands, None when there is none."""
    return await _end(connection, reservation_id, customer_id, Ending.EXPIRED)


async def cancel_order(connection: AsyncConnection, *, reservation_id: UUID, customer_id: UUID) -> Order | None:
    """Cancel the order, also a paid one, unless it is being prepared or has ended; return it as it then stands."""
    return await _end(connection, reservation_id, customer_id, Ending.CANCELLED)


async def retire(connection: AsyncConnection, order: Order, items: Sequence[OrderItem], wanted: OrderStatus) -> Order:
    """Move an order of a locked reservation to a state in which it holds nothing, and tell; stock is the caller's."""
    ended = await orders.set_status(connection, order.id, move(order.status, wanted))
    await outbox.append(connection, order_event(f"concession_order.{wanted.value.lower()}", ended, items))
    return ended


async def _end(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID, ending: Ending) -> Order | None:
    # Kept although there may be no order: a checkout that began before the end must not place one after it.
    known = await reservations.remember_reservation(connection, reservation_id, customer_id, ended=ending)
    if known is None:
        return None
    order = await orders.latest_order(connection, reservation_id, customer_id)
    wanted = OrderStatus(ending.value)
    if order is None or not can_move(order.status, wanted):
        return order
    items = (await orders.items_of_orders(connection, [order.id]))[order.id]
    held = on_shelves(order.venue_id, items)
    if order.status is OrderStatus.PAID:
        await stock.take_back_sold(connection, stock_changes(held, {}))
    else:
        await stock.change_reserved(connection, stock_changes({}, held))
    return await retire(connection, order, items, wanted)
