"""Requests for units, and why one is refused."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from subgraphs.ticketing.domain.ages import EntryRule
from subgraphs.ticketing.domain.reservation_states import ReservationStatus

MAX_BATCH: Final = 10
MAX_QUANTITY: Final = 10
MAX_KEY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Buyer:
    """What is known of who asks; no birth date: there is no such customer (any more)."""

    birth_date: date | None


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """``sequence`` is the request's number in the queue: it grows within a line, with gaps; 0 when it is not known.

    ``seat_ids`` None = any units. ``buyer`` None: nobody has been asked for the birth date, which most sessions do not
    need.
    """

    reservation_id: UUID
    customer_id: UUID
    session_id: UUID
    sector_id: UUID
    quantity: int
    seat_ids: tuple[UUID, ...] | None
    idempotency_key: str
    requested_at: datetime
    sequence: int
    buyer: Buyer | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why nothing was held. ``code`` is an ErrorCode's name; the other fields are its facts."""

    status: ReservationStatus
    code: str
    field: str | None = None
    seat_ids: tuple[UUID, ...] = dataclasses.field(default=())
    available: int | None = None
    limit: int | None = None
    minimum_age: int | None = None
    accompanied_from: int | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON, the way the reservation keeps it."""
        facts = {
            "code": self.code,
            "field": self.field,
            "seat_ids": [str(seat) for seat in self.seat_ids] or None,
            "available": self.available,
            "limit": self.limit,
            "minimum_age": self.minimum_age,
            "accompanied_from": self.accompanied_from,
        }
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """``held_until`` only when held. ``replayed``: the outcome was stored before this call.

    QUEUED: not decided, because its buyer's birth date is needed, or that of one before it in the same line.
    """

    reservation_id: UUID
    status: ReservationStatus
    held_until: datetime | None
    replayed: bool = False


def invalid(code: str, field: str | None = None) -> Rejection:
    return Rejection(ReservationStatus.REJECTED_INVALID, code, field)


def not_served() -> Rejection:
    """Ours to answer for: the request could not be brought to a decision."""
    return Rejection(ReservationStatus.REJECTED_INVALID, "SERVICE_UNAVAILABLE")


def sold_out(available: int) -> Rejection:
    return Rejection(ReservationStatus.REJECTED_SOLD_OUT, "SOLD_OUT", "quantity", available=available)


def seats_unavailable(seat_ids: tuple[UUID, ...]) -> Rejection:
    return Rejection(ReservationStatus.REJECTED_SOLD_OUT, "SEAT_UNAVAILABLE", "seatIds", seat_ids=seat_ids)


def limit_reached(limit: int) -> Rejection:
    return Rejection(ReservationStatus.REJECTED_INVALID, "TICKET_LIMIT_REACHED", "quantity", limit=limit)


def too_young(rule: EntryRule) -> Rejection:
    return Rejection(
        ReservationStatus.REJECTED_INVALID,
        "AGE_RESTRICTED",
        "sessionId",
        minimum_age=rule.alone_from,
        accompanied_from=rule.accompanied_from,
    )


def malformed(request: AllocationRequest) -> Rejection | None:
    """What can be refused without looking anything up."""
    if not 1 <= request.quantity <= MAX_QUANTITY:
        return invalid("INVALID_INPUT", "quantity")
    if request.seat_ids is not None and (
        len(request.seat_ids) != request.quantity or len(set(request.seat_ids)) != len(request.seat_ids)
    ):
        return invalid("INVALID_INPUT", "seatIds")
    return None
