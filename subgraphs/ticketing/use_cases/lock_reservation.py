"""Lock a customer's reservation in the order that everybody locks in: its sector first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.repositories import clock, reservations, stock
from subgraphs.ticketing.repositories.stock import LockedSector


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """``sector`` is None only for a rejected request that named no sector of ours; ``now`` is after the locks."""

    reservation: Reservation
    sector: LockedSector | None
    now: datetime


async def lock_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID
) -> LockedReservation | None:
    """None for a missing and for a foreign reservation alike."""
    sector_id = await reservations.sector_of(connection, reservation_id, customer_id)
    if sector_id is None:
        return None
    sectors = await stock.lock_sectors(connection, [sector_id])
    reservation = await reservations.lock(connection, reservation_id, customer_id)
    if reservation is None:
        return None
    return LockedReservation(reservation, sectors.get(sector_id), await clock.now(connection))
