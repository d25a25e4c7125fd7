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
from subgraphs.ticketing.repositories import catalogue, clock
from subgraphs.ticketing.repositories.reservation_lists import reservations_by_id

_POLL_QUEUED_MS: Final = 1_000
_POLL_HELD_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class ReservationView:
    """``status`` as the buyer is told it; ``queue_position`` (from 1, an estimate) only while QUEUED."""

    reservation: Reservation
    status: ReservationStatus
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
    database: Database, requests: QueuedRequests, ids: Sequence[UUID], customer_id: UUID
) -> dict[UUID, ReservationView]:
    """The customer's reservations among these; foreign and missing ones are left out alike.

    No connection is kept while the requests table is asked.
    """
    async with database.connect() as connection:
        now = await clock.now(connection)
        decided = await reservations_by_id(connection, ids, customer_id)
    found = {reservation.id: view(reservation, now) for reservation in decided.values()}
    missing = [id_ for id_ in ids if id_ not in found]
    if not missing:
        return found
    waiting = await requests.find(missing, customer_id)
    if waiting:
        sector_ids = {request.sector_id for request in waiting.values()}
        async with database.connect() as connection:
            # Decided between the two looks? Then it no longer waits.
            decided = await reservations_by_id(connection, waiting, customer_id)
            sectors = await catalogue.sectors_by_id(connection, sector_ids)
            served = await catalogue.served_sequences(connection, sector_ids)
        for id_, request in waiting.items():
            if id_ in decided:
                found[id_] = view(decided[id_], now)
            else:
                position = max(1, request.sequence - served.get(request.sector_id, 0))
                queued = _queued(request, sectors.get(request.sector_id))
                found[id_] = ReservationView(queued, ReservationStatus.QUEUED, position)
    return found


def _queued(request: QueuedRequest, sector: Sector | None) -> Reservation:
    """What it will be if it is held at today's prices."""
    return Reservation(
        id=request.reservation_id,
        customer_id=request.customer_id,
        session_id=request.session_id,
        sector_id=request.sector_id,
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
