"""End a hold that is over; asked for by the reservation's flow after it has asked the payment gateway."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation_states import HOLDING, SOLD, ReservationStatus
from subgraphs.ticketing.use_cases.lock_reservation import lock_reservation
from subgraphs.ticketing.use_cases.release_holds import release_holds


class ExpireOutcome(Enum):
    """HELD: the hold is not over yet and nothing was changed."""

    EXPIRED = "EXPIRED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    HELD = "HELD"
    NOT_FOUND = "NOT_FOUND"


async def expire_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID
) -> tuple[ExpireOutcome, bool]:
    """What the reservation is afterwards, and whether this call is what ended it."""
    locked = await lock_reservation(connection, reservation_id, customer_id)
    if locked is None:
        return ExpireOutcome.NOT_FOUND, False
    reservation = locked.reservation
    if reservation.hold_is_over(locked.now):
        await release_holds(connection, [reservation], ReservationStatus.EXPIRED)
        return ExpireOutcome.EXPIRED, True
    if reservation.status in HOLDING:
        return ExpireOutcome.HELD, False
    if reservation.status in SOLD:
        return ExpireOutcome.CONFIRMED, False
    if reservation.status is ReservationStatus.CANCELLED:
        return ExpireOutcome.CANCELLED, False
    # A rejected request never held anything: to whoever asks it is as over as it can be.
    return ExpireOutcome.EXPIRED, False
