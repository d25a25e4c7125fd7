"""What ticketing tells the others: the data of its domain events."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Minor units (centavos) and ISO 4217 code."""

    amount_minor: int
    currency: str


class ReservationData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation at the moment of the event. Ids are UUIDs as text.

    ``event_id`` is absent when the request named no session of ours. ``paid_payment_id`` is present when a confirmed
    reservation was cancelled: that payment has to be refunded.
    """

    reservation_id: str
    customer_id: str
    session_id: str
    sector_id: str
    quantity: int
    total: Amount
    event_id: str | None = None
    held_until: datetime | None = None
    paid_payment_id: str | None = None
    rejection_code: str | None = None


EVENTS: Final[dict[str, type[msgspec.Struct]]] = {
    "reservation.held": ReservationData,
    "reservation.rejected": ReservationData,
    "reservation.awaiting_payment": ReservationData,
    "reservation.settled": ReservationData,
    "reservation.confirmed": ReservationData,
    "reservation.expired": ReservationData,
    "reservation.cancelled": ReservationData,
}
