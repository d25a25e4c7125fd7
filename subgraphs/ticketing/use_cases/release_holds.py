"""Let go of what reservations hold: the one way in which a hold ends without a sale."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import ReservationStatus, move
from subgraphs.ticketing.repositories import reservations, stock
from subgraphs.ticketing.use_cases.announce import announce


async def release_holds(
    connection: AsyncConnection, held: Sequence[Reservation], following: ReservationStatus
) -> list[Reservation]:
    """Locked reservations that hold units become ``following`` (EXPIRED or CANCELLED) and their units free.

    The caller holds the locks of their sectors and of the reservations; the reservations afterwards are returned.
    """
    if not held:
        return []
    for reservation in held:
        move(reservation.status, following)
    changed = await reservations.change_status(connection, [reservation.id for reservation in held], following)
    freed = await stock.free_units(connection, [reservation.id for reservation in held], "HELD")
    for sector_id, count in sorted(freed.items()):
        await stock.count_units(connection, sector_id, held=-count)
    await announce(connection, *changed)
    return changed
