"""A payment has arrived: sell the units and issue the tickets, or say why not so that the money goes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.catalogue import is_on_sale
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import SOLD, ReservationStatus, move
from subgraphs.ticketing.repositories import reservations, settlements, stock, tickets
from subgraphs.ticketing.use_cases.announce import announce
from subgraphs.ticketing.use_cases.lock_reservation import LockedReservation, lock_reservation
from subgraphs.ticketing.use_cases.release_holds import release_holds


class ConfirmStatus(Enum):
    """DUPLICATE_PAYMENT: another payment has settled it already. All but CONFIRMED mean: give this payment back."""

    CONFIRMED = "CONFIRMED"
    DUPLICATE_PAYMENT = "DUPLICATE_PAYMENT"
    UNITS_TAKEN = "UNITS_TAKEN"
    CANCELLED = "CANCELLED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was paid, concessions included: at least the reservation's own total.

    ``payment_id`` is None for what costs nothing.
    """

    payment_id: UUID | None
    amount_minor: int
    currency: str


async def confirm_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID, settlement: Settlement
) -> tuple[ConfirmStatus, bool]:
    """The outcome, and whether this call is what confirmed. The same payment again: the same outcome.

    A refusal is final, because it sends the money back: a payment that was refused buys nothing later either, when
    the units are free again.

    After the hold is over the very same units are taken again if nobody has them, sales are still open and the
    buyer's ticket limit allows it.
    """
    locked = await lock_reservation(connection, reservation_id, customer_id)
    if locked is None:
        return ConfirmStatus.NOT_FOUND, False
    reservation = locked.reservation
    settled = _already_settled(reservation, settlement)
    if settled is not None:
        return settled, False
    payment_id = settlement.payment_id
    refused = None if payment_id is None else await settlements.refusal_of(connection, payment_id)
    if refused is not None:
        return ConfirmStatus(refused), False
    refusal = await _confirm(connection, locked, settlement)
    if refusal is not None:
        if payment_id is not None:
            await settlements.refuse(connection, reservation.id, payment_id, refusal.value)
        return refusal, False
    return ConfirmStatus.CONFIRMED, True


async def _confirm(
    connection: AsyncConnection, locked: LockedReservation, settlement: Settlement
) -> ConfirmStatus | None:
    """Why not; None: it is confirmed."""
    reservation = locked.reservation
    if settlement.currency != reservation.currency or settlement.amount_minor < reservation.total_minor:
        return ConfirmStatus.AMOUNT_MISMATCH
    if settlement.payment_id is None and settlement.amount_minor != 0:
        return ConfirmStatus.AMOUNT_MISMATCH
    if reservation.hold_is_over(locked.now):
        [reservation] = await release_holds(connection, [reservation], ReservationStatus.EXPIRED)
    if reservation.status is ReservationStatus.EXPIRED:
        if not await _take_again(connection, locked):
            return ConfirmStatus.UNITS_TAKEN
    elif reservation.status is ReservationStatus.HELD:
        # Paid without a checkout that we know of: the money tells that there was one.
        following = move(reservation.status, ReservationStatus.AWAITING_PAYMENT)
        reservation = await reservations.change(connection, reservation.id, status=following.value)
        await announce(connection, reservation)
    await _sell(connection, locked, reservation, settlement)
    return None


def _already_settled(reservation: Reservation, settlement: Settlement) -> ConfirmStatus | None:
    if reservation.status in SOLD:
        same = reservation.payment_id == settlement.payment_id
        return ConfirmStatus.CONFIRMED if same else ConfirmStatus.DUPLICATE_PAYMENT
    if reservation.status is ReservationStatus.CANCELLED:
        return ConfirmStatus.CANCELLED
    if reservation.status in (ReservationStatus.REJECTED_INVALID, ReservationStatus.REJECTED_SOLD_OUT):
        return ConfirmStatus.UNITS_TAKEN
    return None


async def _take_again(connection: AsyncConnection, locked: LockedReservation) -> bool:
    """The same units, all of them, or none."""
    reservation, sector = locked.reservation, locked.sector
    if sector is None or not is_on_sale(sector.session_status, sector.starts_at, locked.now):
        return False
    pair = (reservation.customer_id, sector.event_id)
    bought = await reservations.lock_purchase_limits(connection, [pair], locked.now)
    if bought[pair] + reservation.quantity > sector.ticket_limit:
        return False
    wanted = await reservations.kept_units(connection, reservation.id)
    found = await stock.states_of(connection, sector.id, wanted)
    holders = {holder for state, holder in found.values() if state == "HELD" and holder is not None}
    over = await reservations.lock_due_of_units(connection, holders, locked.now)
    ended = {other.id for other in over}
    if any(state != "FREE" and holder not in ended for state, holder in found.values()):
        return False
    await release_holds(connection, over, ReservationStatus.EXPIRED)
    got = await stock.hold_these(connection, sector.id, wanted, reservation.id, locked.now)
    if len(got) != reservation.quantity:
        raise RuntimeError(f"sector {sector.id}: units changed under its lock")
    await stock.count_units(connection, sector.id, held=len(got))
    return True


async def _sell(
    connection: AsyncConnection, locked: LockedReservation, reservation: Reservation, settlement: Settlement
) -> None:
    sold = await stock.sell_held(connection, reservation.id)
    if len(sold) != reservation.quantity:
        raise RuntimeError(f"reservation {reservation.id} holds {len(sold)} units of {reservation.quantity}")
    await stock.count_units(connection, reservation.sector_id, held=-len(sold), sold=len(sold))
    await tickets.issue(connection, reservation, sold, locked.now)
    confirmed = await reservations.change(
        connection,
        reservation.id,
        status=move(reservation.status, ReservationStatus.CONFIRMED).value,
        payment_id=settlement.payment_id,
        confirmed_at=locked.now,
    )
    await announce(connection, confirmed)
