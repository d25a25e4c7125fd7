"""What is on sale: kinds, ratings, and when a session can be bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EventKind(StrEnum):
    FOOTBALL = "FOOTBALL"
    CINEMA = "CINEMA"
    CONCERT = "CONCERT"
    FESTIVAL = "FESTIVAL"


class AgeRating(StrEnum):
    """Classificação indicativa: free, or from this age on."""

    L = "L"
    A10 = "A10"
    A12 = "A12"
    A14 = "A14"
    A16 = "A16"
    A18 = "A18"


class SessionStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    ON_SALE = "ON_SALE"
    SALES_CLOSED = "SALES_CLOSED"
    CANCELLED = "CANCELLED"


class UnitKind(StrEnum):
    SEAT = "SEAT"
    PLACE = "PLACE"


class UnitState(StrEnum):
    FREE = "FREE"
    HELD = "HELD"
    SOLD = "SOLD"


def is_on_sale(status: SessionStatus, starts_at: datetime, now: datetime) -> bool:
    """Sales end when the session starts."""
    return status is SessionStatus.ON_SALE and now < starts_at


@dataclass(frozen=True, slots=True)
class Organiser:
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Venue:
    """``time_zone`` is an IANA name."""

    id: UUID
    name: str
    city: str
    state: str
    address: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Event:
    id: UUID
    organiser_id: UUID
    name: str
    description: str
    kind: EventKind
    age_rating: AgeRating
    category: str | None
    series: str | None


@dataclass(frozen=True, slots=True)
class UpcomingEvent:
    """An event with the start of the first of its coming sessions that matched what was looked for."""

    event: Event
    next_starts_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """``time_zone`` is its venue's; ``hold_minutes`` is how long a reservation may take to be paid."""

    id: UUID
    event_id: UUID
    venue_id: UUID
    starts_at: datetime
    time_zone: str
    status: SessionStatus
    minimum_age: int | None
    hold_minutes: int
    numbered_seats: bool


@dataclass(frozen=True, slots=True)
class Sector:
    """Prices per unit in minor units. ``available`` is a hint: what is neither sold nor held at the moment."""

    id: UUID
    session_id: UUID
    name: str
    numbered: bool
    capacity: int
    price_minor: int
    service_fee_minor: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class Unit:
    """``state`` as everybody sees it: a hold that is over holds nothing."""

    id: UUID
    sector_id: UUID
    position: int
    label: str
    kind: UnitKind
    state: UnitState
