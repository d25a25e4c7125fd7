"""End the orders whose time is over, whatever became of the flow that should have: asks nothing of anybody else."""

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.concessions.domain.order import Shelf, on_shelves, stock_changes
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, reservations, stock

BATCH = 100


async def expire_overdue(connection: AsyncConnection, limit: int = BATCH) -> int:
    """Expire up to `limit` orders and give their stock back; how many."""
    expired = await orders.expire_overdue(connection, limit)
    if not expired:
        return 0
    items = await orders.items_of_orders(connection, [order.id for order in expired])
    given_back: Counter[Shelf] = Counter()
    for order in expired:
        given_back.update(on_shelves(order.venue_id, items[order.id]))
    await stock.change_reserved(connection, stock_changes({}, given_back))
    await reservations.note_expired(connection, [order.reservation_id for order in expired if order.reservation_id])
    events = (order_event("concession_order.expired", order, items[order.id]) for order in expired)
    await outbox.append(connection, *events)
    return len(expired)
