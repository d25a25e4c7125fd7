"""HELD → AWAITING_PAYMENT: the buyer goes to pay; the hold's end stays where it was."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import ReservationStatus, move
from subgraphs.ticketing.repositories import clock, reservations
from subgraphs.ticketing.use_cases.announce import announce


class CheckoutRefused(Enum):
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    INVALID_STATE = "INVALID_STATE"


async def begin_checkout(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID
) -> Reservation | CheckoutRefused:
    """The reservation awaiting payment; again the same while the hold lasts."""
    reservation = await reservations.lock(connection, reservation_id, customer_id)
    if reservation is None:
        return CheckoutRefused.NOT_FOUND
    now = await clock.now(connection)
    if reservation.status is ReservationStatus.EXPIRED or reservation.hold_is_over(now):
        return CheckoutRefused.EXPIRED
    if reservation.status is ReservationStatus.AWAITING_PAYMENT:
        return reservation
    if reservation.status is not ReservationStatus.HELD:
        return CheckoutRefused.INVALID_STATE
    following = move(reservation.status, ReservationStatus.AWAITING_PAYMENT)
    changed = await reservations.change(connection, reservation.id, status=following.value)
    await announce(connection, changed)
    return changed
