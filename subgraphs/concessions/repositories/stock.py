"""SQL of the stock per venue: every movement is one conditional update of one row.

Callers move shelves in their order (venue, product), so that two of them never wait for each other in a circle.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.concessions.domain.order import Shelf
from subgraphs.concessions.tables import product_stock


async def change_reserved(connection: AsyncConnection, changes: Iterable[tuple[Shelf, int]]) -> list[UUID]:
    """Reserve more (positive) or give back (negative) of each; return the products of which too little is left.

    Nothing is undone here: when the answer is not empty, the caller rolls its savepoint back.
    """
    short: list[UUID] = []
    for (venue_id, product_id), quantity in changes:
        moved = await connection.execute(
            update(product_stock)
            .where(
                product_stock.c.venue_id == venue_id,
                product_stock.c.product_id == product_id,
                product_stock.c.available >= quantity,
            )
            .values(
                available=product_stock.c.available - quantity,
                reserved=product_stock.c.reserved + quantity,
            )
        )
        if moved.rowcount == 0:
            short.append(product_id)
    return short


async def sell_reserved(connection: AsyncConnection, sold: Iterable[tuple[Shelf, int]]) -> None:
    """Turn reserved stock into sold stock; the check constraints refuse what was never reserved."""
    for (venue_id, product_id), quantity in sold:
        await connection.execute(
            update(product_stock)
            .where(product_stock.c.venue_id == venue_id, product_stock.c.product_id == product_id)
            .values(reserved=product_stock.c.reserved - quantity, sold=product_stock.c.sold + quantity)
        )


async def take_back_sold(connection: AsyncConnection, returned: Iterable[tuple[Shelf, int]]) -> None:
    """Put sold stock that was never handed out back on sale."""
    for (venue_id, product_id), quantity in returned:
        await connection.execute(
            update(product_stock)
            .where(product_stock.c.venue_id == venue_id, product_stock.c.product_id == product_id)
            .values(sold=product_stock.c.sold - quantity, available=product_stock.c.available + quantity)
        )
