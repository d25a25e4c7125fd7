"""What runs beside the requests: orders that nobody ended end by themselves."""

import asyncio

import structlog

from subgraphs.chassis import metrics
from subgraphs.chassis.app import Running
from subgraphs.chassis.database import Database
from subgraphs.concessions.repositories.reservations import forget_without_orders
from subgraphs.concessions.use_cases.expire_overdue import BATCH, expire_overdue

log = structlog.get_logger(__name__)

TICK_SECONDS = 15.0


async def end_overdue_orders(running: Running, stopping: asyncio.Event) -> None:
    """Sweeps until `stopping`, every 15 s; at once again while there is more than one sweep takes."""
    while not stopping.is_set():
        try:
            if await sweep(running.database) == BATCH:
                continue
        except Exception:  # the database is away, or one sweep failed: the next one begins anew
            log.exception("overdue_orders_not_swept")
        try:
            await asyncio.wait_for(stopping.wait(), TICK_SECONDS)
        except TimeoutError:
            continue


async def sweep(database: Database) -> int:
    """Expire one batch of overdue orders and forget reservations that never ordered; how many orders expired."""
    async with database.transaction() as connection:
        expired = await expire_overdue(connection)
    async with database.transaction() as connection:
        await forget_without_orders(connection, BATCH)
    if expired:
        metrics.count("ConcessionOrdersExpired", expired)
        log.info("overdue_orders_expired", orders=expired)
    return expired
