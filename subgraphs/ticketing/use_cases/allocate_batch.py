"""Allocate up to ten requests, in order, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain import allocation
from subgraphs.ticketing.domain.ages import day_at
from subgraphs.ticketing.domain.allocation import AllocationOutcome, AllocationRequest, Rejection
from subgraphs.ticketing.domain.catalogue import is_on_sale
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import HOLDING, ReservationStatus, move
from subgraphs.ticketing.repositories import clock, reservations, stock
from subgraphs.ticketing.repositories.stock import LockedSector
from subgraphs.ticketing.use_cases.announce import announce
from subgraphs.ticketing.use_cases.release_holds import release_holds


@dataclass(frozen=True, slots=True)
class BatchResult:
    """``outcomes`` in the order of the requests; ``expired`` counts holds of others that were over and taken over."""

    outcomes: list[AllocationOutcome]
    expired: int


async def allocate_batch(
    connection: AsyncConnection, requests: Sequence[AllocationRequest], *, refusal: Rejection | None = None
) -> BatchResult:
    """Every request ends as HELD or as one of the rejections; being sold out is an outcome, never an error.

    With a ``refusal`` each of them is rejected by it, whatever there is to have. Without one, where a session has an
    age to buy and a request comes without its buyer, it is left QUEUED, and with it whatever stands behind it in the
    line of its sector: nothing of them is kept, and they may come again, with their buyers.

    A request that was decided before gets the stored outcome and changes nothing. Units of holds that are over by
    ``held_until`` are taken, and those reservations expire properly on the way. Raises ``ValueError`` for more than
    ten requests and ``IntegrityError`` (try the batch again) when the same request is being decided for another
    sector at this moment.
    """
    if len(requests) > allocation.MAX_BATCH:
        raise ValueError(f"more than {allocation.MAX_BATCH} requests in a batch")
    sectors = await stock.lock_sectors(connection, {request.sector_id for request in requests})
    batch = _Batch(connection, sectors, await clock.now(connection), refusal)
    for key, reservation in await reservations.stored_outcomes(connection, requests):
        batch.remember(key, reservation)
    await batch.lock_limits([request for request in requests if batch.stored(request) is None])
    outcomes = [await batch.decide(request) for request in requests]
    await batch.finish()
    return BatchResult(outcomes, batch.expired)


class _Batch:
    """What is known while a batch is decided: the locked sectors, what is left, what customers may still buy."""

    def __init__(
        self,
        connection: AsyncConnection,
        sectors: dict[UUID, LockedSector],
        now: datetime,
        refusal: Rejection | None,
    ) -> None:
        self.expired = 0
        self._connection = connection
        self._sectors = sectors
        self._now = now
        self._refusal = refusal
        self._free = {sector.id: sector.free for sector in sectors.values()}
        self._held: dict[UUID, int] = dict.fromkeys(sectors, 0)
        self._served: dict[UUID, int] = {}
        self._waiting: set[UUID] = set()
        self._bought: dict[tuple[UUID, UUID], int] = {}
        self._by_id: dict[UUID, Reservation] = {}
        self._by_key: dict[tuple[UUID, str], Reservation] = {}
        self._changed: list[Reservation] = []

    def remember(self, key: str, reservation: Reservation) -> None:
        self._by_id[reservation.id] = reservation
        self._by_key[reservation.customer_id, key] = reservation

    def stored(self, request: AllocationRequest) -> Reservation | None:
        by_key = self._by_key.get((request.customer_id, request.idempotency_key))
        return by_key or self._by_id.get(request.reservation_id)

    async def lock_limits(self, requests: Sequence[AllocationRequest]) -> None:
        pairs = {
            (request.customer_id, sector.event_id)
            for request in requests
            if (sector := self._sectors.get(request.sector_id)) is not None
        }
        self._bought = await reservations.lock_purchase_limits(self._connection, pairs, self._now)

    async def decide(self, request: AllocationRequest) -> AllocationOutcome:
        stored = self.stored(request)
        if stored is not None:
            return _replay(request, stored)
        if self._refusal is None and self._has_to_wait(request):
            self._waiting.add(request.sector_id)
            return AllocationOutcome(request.reservation_id, ReservationStatus.QUEUED, None)
        decided = await self._allocate(request)
        self.remember(request.idempotency_key, decided)
        self._changed.append(decided)
        sector = self._sectors.get(request.sector_id)
        # A request that names another session stands in another line, whose numbers say nothing about this one's.
        if sector is not None and sector.session_id == request.session_id and request.sequence:
            self._served[request.sector_id] = request.sequence
        return AllocationOutcome(decided.id, decided.status, decided.held_until)

    async def finish(self) -> None:
        for sector_id, held in sorted(self._held.items()):
            await stock.count_units(self._connection, sector_id, held=held)
        await stock.remember_served(self._connection, self._served)
        await announce(self._connection, *self._changed)

    async def _allocate(self, request: AllocationRequest) -> Reservation:
        sector = self._sectors.get(request.sector_id)
        refusal = self._refusal or allocation.malformed(request) or self._not_buyable(request, sector)
        if refusal is not None or sector is None:
            return await self._reject(request, sector, refusal or allocation.invalid("NOT_FOUND", "sectorId"))
        if request.seat_ids is None:
            refusal = await self._make_room(sector, request.quantity)
        else:
            refusal = await self._make_seats_free(sector, request.seat_ids)
        if refusal is not None:
            return await self._reject(request, sector, refusal)
        return await self._hold(request, sector)

    def _has_to_wait(self, request: AllocationRequest) -> bool:
        """Only what hangs on the buyer's age, or would overtake in its line what does."""
        if request.sector_id in self._waiting:
            return True
        sector = self._sectors.get(request.sector_id)
        if request.buyer is not None or sector is None or sector.entry.alone_from == 0:
            return False
        return allocation.malformed(request) is None and self._not_for_sale(request, sector) is None

    def _not_buyable(self, request: AllocationRequest, sector: LockedSector | None) -> Rejection | None:
        if sector is None:
            return allocation.invalid("NOT_FOUND", "sectorId")
        refusal = self._not_for_sale(request, sector)
        if refusal is not None:
            return refusal
        birth_date = request.buyer.birth_date if request.buyer is not None else None
        if not sector.entry.may_buy(birth_date, day_at(sector.starts_at, sector.time_zone)):
            return allocation.too_young(sector.entry)
        if self._bought[request.customer_id, sector.event_id] + request.quantity > sector.ticket_limit:
            return allocation.limit_reached(sector.ticket_limit)
        return None

    def _not_for_sale(self, request: AllocationRequest, sector: LockedSector) -> Rejection | None:
        if sector.session_id != request.session_id:
            return allocation.invalid("NOT_FOUND", "sectorId")
        if not is_on_sale(sector.session_status, sector.starts_at, self._now):
            return allocation.invalid("SALES_CLOSED", "sessionId")
        if request.seat_ids is not None and not sector.numbered:
            return allocation.invalid("INVALID_INPUT", "seatIds")
        return None

    async def _make_room(self, sector: LockedSector, quantity: int) -> Rejection | None:
        """Free enough units of holds that are over; each such hold gives at least one."""
        missing = quantity - self._free[sector.id]
        if missing > 0:
            due = await reservations.lock_due(self._connection, [sector.id], self._now, limit=missing)
            await self._expire(due)
        if self._free[sector.id] < quantity:
            return allocation.sold_out(self._free[sector.id])
        return None

    async def _make_seats_free(self, sector: LockedSector, seat_ids: tuple[UUID, ...]) -> Rejection | None:
        found = await stock.states_of(self._connection, sector.id, seat_ids)
        if len(found) < len(seat_ids):
            strangers = tuple(seat for seat in seat_ids if seat not in found)
            return Rejection(ReservationStatus.REJECTED_INVALID, "NOT_FOUND", "seatIds", seat_ids=strangers)
        holders = {holder for state, holder in found.values() if state == "HELD" and holder is not None}
        over = {
            reservation.id: reservation
            for reservation in await reservations.lock_due_of_units(self._connection, holders, self._now)
        }
        taken = tuple(
            seat for seat in seat_ids if found[seat][0] != "FREE" and found[seat][1] not in over
        )  # all or nothing: nobody's hold is ended for a request that fails anyway
        if taken:
            return allocation.seats_unavailable(taken)
        await self._expire(list(over.values()))
        return None

    async def _expire(self, due: Sequence[Reservation]) -> None:
        # Only this sector's counter moves, and in the row: what was freed is free for the next request as well.
        await release_holds(self._connection, due, ReservationStatus.EXPIRED)
        for reservation in due:
            self._free[reservation.sector_id] += reservation.quantity
        self.expired += len(due)

    async def _hold(self, request: AllocationRequest, sector: LockedSector) -> Reservation:
        reservation = await reservations.insert_reservation(
            self._connection,
            request,
            status=ReservationStatus.QUEUED,
            event_id=sector.event_id,
            unit_price_minor=sector.price_minor,
            unit_fee_minor=sector.service_fee_minor,
            currency=sector.currency,
        )
        until = self._now + timedelta(minutes=sector.hold_minutes)
        if request.seat_ids is None:
            got = await stock.hold_any(self._connection, sector.id, request.quantity, request.reservation_id, until)
        else:
            got = await stock.hold_these(self._connection, sector.id, request.seat_ids, request.reservation_id, until)
        if len(got) != request.quantity:
            # The sector is locked and its counters said there was room: rather no answer than a wrong one.
            raise RuntimeError(f"sector {sector.id}: counters and units disagree")
        await reservations.keep_units(self._connection, reservation.id, got)
        self._free[sector.id] -= request.quantity
        self._held[sector.id] += request.quantity
        self._bought[request.customer_id, sector.event_id] += request.quantity
        return await reservations.change(
            self._connection,
            reservation.id,
            status=move(reservation.status, ReservationStatus.HELD).value,
            held_until=until,
        )

    async def _reject(
        self, request: AllocationRequest, sector: LockedSector | None, rejection: Rejection
    ) -> Reservation:
        matching = sector if sector is not None and sector.session_id == request.session_id else None
        return await reservations.insert_reservation(
            self._connection,
            request,
            status=move(ReservationStatus.QUEUED, rejection.status),
            event_id=matching.event_id if matching else None,
            unit_price_minor=matching.price_minor if matching else 0,
            unit_fee_minor=matching.service_fee_minor if matching else 0,
            rejection=rejection.stored(),
        )


def _replay(request: AllocationRequest, stored: Reservation) -> AllocationOutcome:
    """The stored outcome; somebody else's id tells nothing about theirs."""
    if stored.customer_id != request.customer_id:
        return AllocationOutcome(request.reservation_id, ReservationStatus.REJECTED_INVALID, None, replayed=True)
    held_until = stored.held_until if stored.status in HOLDING else None
    return AllocationOutcome(stored.id, stored.status, held_until, replayed=True)
