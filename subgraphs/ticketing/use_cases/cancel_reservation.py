"""The buyer gives a reservation back: a hold ends, bought tickets die and their payment is to be refunded."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import HOLDING, ReservationStatus, move
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.repositories import reservations, stock, tickets
from subgraphs.ticketing.use_cases.announce import announce
from subgraphs.ticketing.use_cases.lock_reservation import LockedReservation, lock_reservation
from subgraphs.ticketing.use_cases.release_holds import release_holds


class CancelRefused(Enum):
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    INVALID_STATE = "INVALID_STATE"


async def cancel_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID
) -> Reservation | CancelRefused:
    """The cancelled reservation; a cancelled one again is the same.

    INVALID_STATE: rejected, the session has begun, or a ticket has been used.
    """
    locked = await lock_reservation(connection, reservation_id, customer_id)
    if locked is None:
        return CancelRefused.NOT_FOUND
    reservation = locked.reservation
    if reservation.status is ReservationStatus.CANCELLED:
        return reservation
    if reservation.status is ReservationStatus.EXPIRED or reservation.hold_is_over(locked.now):
        return CancelRefused.EXPIRED
    if reservation.status in HOLDING:
        [released] = await release_holds(connection, [reservation], ReservationStatus.CANCELLED)
        return released
    if reservation.status is ReservationStatus.CONFIRMED:
        return await _give_back(connection, locked)
    return CancelRefused.INVALID_STATE


async def _give_back(connection: AsyncConnection, locked: LockedReservation) -> Reservation | CancelRefused:
    reservation = locked.reservation
    if locked.sector is None or locked.sector.starts_at <= locked.now:
        return CancelRefused.INVALID_STATE
    present = await tickets.lock_of_reservation(connection, reservation.id)
    if any(status is not TicketStatus.ISSUED for status in present.values()):
        return CancelRefused.INVALID_STATE
    await tickets.cancel(connection, present)
    freed = await stock.free_units(connection, [reservation.id], "SOLD")
    for sector_id, count in sorted(freed.items()):
        await stock.count_units(connection, sector_id, sold=-count)
    cancelled = await reservations.change(
        connection, reservation.id, status=move(reservation.status, ReservationStatus.CANCELLED).value
    )
    await announce(connection, cancelled)
    return cancelled
