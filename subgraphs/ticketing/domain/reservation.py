"""A reservation: units of one sector, held for a while for one customer, then sold or free again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from subgraphs.ticketing.domain.reservation_states import HOLDING, ReservationStatus


@dataclass(frozen=True, slots=True)
class Reservation:
    """Prices are per unit, in minor units of ``currency``, as they were when the units were held.

    ``event_id`` is None only when the request named a session that does not exist (then it is REJECTED_INVALID).
    """

    id: UUID
    customer_id: UUID
    session_id: UUID
    sector_id: UUID
    event_id: UUID | None
    quantity: int
    status: ReservationStatus
    held_until: datetime | None
    unit_price_minor: int
    unit_fee_minor: int
    currency: str
    rejection: dict[str, Any] | None
    payment_id: UUID | None
    sequence: int
    created_at: datetime
    confirmed_at: datetime | None

    @property
    def total_minor(self) -> int:
        return self.quantity * (self.unit_price_minor + self.unit_fee_minor)

    def hold_is_over(self, now: datetime) -> bool:
        """Whether its units may be given to others although nobody has tidied up yet."""
        return self.status in HOLDING and self.held_until is not None and self.held_until <= now

    def shown_status(self, now: datetime) -> ReservationStatus:
        """What the buyer is told. A hold that is over cannot be paid any more, so it has expired.

        Once payment has begun the bank's word is awaited before saying so.
        """
        if self.status is ReservationStatus.HELD and self.hold_is_over(now):
            return ReservationStatus.EXPIRED
        return self.status
