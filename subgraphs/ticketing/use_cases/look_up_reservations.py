"""Reservations as their customer sees them: from the database, or from the line when they have not been served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from subgraphs.chassis.database import Database
from subgraphs.ticketing.domain.catalogue import Sector
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import SETTLED, ReservationStatus
from subgraphs.ticketing.queued_requests import QueuedRequest, QueuedRequests
from subgraphs.ticketing.repositories import catalogue
from subgraphs.ticketing.repositories.reservation_lists import reservations_of_customers

_POLL_QUEUED_MS: Final = 1_000
_POLL_HELD_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class ReservationView:
    """``status`` as the buyer is told it. ``waiting`` only while QUEUED; its position changes without it."""

    reservation: Reservation
    status: ReservationStatus
    waiting: QueuedRequest | None = None
    queue_position: int | None = None

    @property
    def poll_after_ms(self) -> int | None:
        """When asking again makes sense; None when nothing changes any more."""
        if self.status in SETTLED:
            return None
        return _POLL_QUEUED_MS if self.status is ReservationStatus.QUEUED else _POLL_HELD_MS


def view(reservation: Reservation, now: datetime) -> ReservationView:
    return ReservationView(reservation, reservation.shown_status(now))


async def look_up_reservations(
    database: Database, requests: QueuedRequests, keys: Sequence[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], ReservationView]:
    """Of each (reservation, customer) what that customer sees; foreign and missing reservations are left out alike.

    One statement for what has been decided, one for today's prices of what waits; no connection is kept while the
    requests table is asked.
    """
    async with database.connect() as connection:
        decided = await reservations_of_customers(connection, keys)
    found = {(id_, reservation.customer_id): view(reservation, now) for id_, (reservation, now) in decided.items()}
    missing = [key for key in keys if key[0] not in decided]
    if not missing:
        return found
    recorded = await requests.find(id_ for id_, _ in missing)
    if recorded:
        async with database.connect() as connection:
            sectors = await catalogue.sectors_by_id(connection, {each.line.sector_id for each in recorded.values()})
        for key in missing:
            request = recorded.get(key[0])
            if request is not None and request.customer_id == key[1]:
                queued = _queued(request, sectors.get(request.line.sector_id))
                found[key] = ReservationView(queued, ReservationStatus.QUEUED, waiting=request)
    return found


def _queued(request: QueuedRequest, sector: Sector | None) -> Reservation:
    """What it will be if it is held at today's prices."""
    return Reservation(
        id=request.reservation_id,
        customer_id=request.customer_id,
        session_id=request.line.session_id,
        sector_id=request.line.sector_id,
        event_id=None,
        quantity=request.quantity,
        status=ReservationStatus.QUEUED,
        held_until=None,
        unit_price_minor=sector.price_minor if sector else 0,
        unit_fee_minor=sector.service_fee_minor if sector else 0,
        currency=sector.currency if sector else "BRL",
        rejection=None,
        payment_id=None,
        sequence=request.sequence,
        created_at=request.requested_at,
        confirmed_at=None,
    )
