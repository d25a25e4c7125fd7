"""The buyer takes what costs nothing: told to the flow that waits for a payment, which then confirms without one."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation_states import HOLDING, ReservationStatus
from subgraphs.ticketing.repositories import clock, reservations
from subgraphs.ticketing.use_cases.announce import announce_settled


class SettleRefused(Enum):
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    INVALID_STATE = "INVALID_STATE"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"


async def settle_free_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID
) -> SettleRefused | None:
    """None: done, now or before. The reservation itself is changed by its confirmation, like one that is paid."""
    reservation = await reservations.lock(connection, reservation_id, customer_id)
    if reservation is None:
        return SettleRefused.NOT_FOUND
    if reservation.total_minor != 0:
        return SettleRefused.AMOUNT_MISMATCH
    if reservation.status is ReservationStatus.CONFIRMED:
        return None
    if reservation.status is ReservationStatus.EXPIRED or reservation.hold_is_over(await clock.now(connection)):
        return SettleRefused.EXPIRED
    if reservation.status not in HOLDING:
        return SettleRefused.INVALID_STATE
    await announce_settled(connection, reservation)
    return None
