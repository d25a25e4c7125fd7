"""Tell of a reservation's new state, in the transaction that changed it: an event for the others, a push for whoever
is watching."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.chassis.listener import tell_after_commit
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import HOLDING, ReservationStatus
from subgraphs.ticketing.events import Amount, ReservationData

_TYPES: Final = {
    ReservationStatus.HELD: "reservation.held",
    ReservationStatus.REJECTED_SOLD_OUT: "reservation.rejected",
    ReservationStatus.REJECTED_INVALID: "reservation.rejected",
    ReservationStatus.AWAITING_PAYMENT: "reservation.awaiting_payment",
    ReservationStatus.CONFIRMED: "reservation.confirmed",
    ReservationStatus.EXPIRED: "reservation.expired",
    ReservationStatus.CANCELLED: "reservation.cancelled",
}


async def announce(connection: AsyncConnection, *changed: Reservation) -> None:
    """One event for each reservation, as it is now; whoever watches one looks again after the commit."""
    if not changed:
        return
    await outbox.append(connection, *(_event(reservation) for reservation in changed))
    tell_after_commit(connection, (str(reservation.id) for reservation in changed))


async def announce_settled(connection: AsyncConnection, reservation: Reservation) -> None:
    """Nothing is left to pay for it. Again: the same event."""
    data = _data(reservation)
    kind = "reservation.settled"
    event = new_event(kind, source="ticketing", subject=reservation.id, data=data, id=f"{kind}:{reservation.id}")
    await outbox.append(connection, event)


def _event(reservation: Reservation) -> DomainEvent:
    data = _data(reservation)
    return new_event(_TYPES[reservation.status], source="ticketing", subject=reservation.id, data=data)


def _data(reservation: Reservation) -> ReservationData:
    cancelled = reservation.status is ReservationStatus.CANCELLED
    return ReservationData(
        reservation_id=str(reservation.id),
        customer_id=str(reservation.customer_id),
        session_id=str(reservation.session_id),
        sector_id=str(reservation.sector_id),
        event_id=str(reservation.event_id) if reservation.event_id else None,
        quantity=reservation.quantity,
        total=Amount(amount_minor=reservation.total_minor, currency=reservation.currency),
        held_until=reservation.held_until if reservation.status in HOLDING else None,
        paid_payment_id=str(reservation.payment_id) if cancelled and reservation.payment_id else None,
        rejection_code=reservation.rejection["code"] if reservation.rejection else None,
    )
