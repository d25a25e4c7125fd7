"""Tidy up holds that are over. Nothing depends on it: allocation decides by predicate; this frees and tells."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.repositories import clock, reservations, stock
from subgraphs.ticketing.use_cases.release_holds import release_holds

MAX_SWEEP: Final = 500


async def sweep_expired_holds(connection: AsyncConnection, limit: int) -> int:
    """Expire up to ``limit`` (1 to 500) reservations whose hold is over, the longest over first; how many."""
    if not 1 <= limit <= MAX_SWEEP:
        raise ValueError(f"limit must be between 1 and {MAX_SWEEP}")
    sector_ids = await reservations.sectors_with_due(connection, limit)
    if not sector_ids:
        return 0
    locked = await stock.lock_sectors(connection, sector_ids)
    due = await reservations.lock_due(connection, locked, await clock.now(connection), limit)
    await release_holds(connection, due, ReservationStatus.EXPIRED)
    return len(due)
