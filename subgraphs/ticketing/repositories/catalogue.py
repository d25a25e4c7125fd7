"""SQL of what is on sale. Everything is read in bulk, so that a page costs a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.catalogue import (
    AgeRating,
    Event,
    EventKind,
    Organiser,
    Sector,
    Session,
    SessionStatus,
    UpcomingEvent,
    Venue,
)
from subgraphs.ticketing.domain.reservation_states import HOLDING
from subgraphs.ticketing.tables import events, organisers, reservations, sectors, sessions, venues

_EVENT = (
    events.c.id,
    events.c.organiser_id,
    events.c.name,
    events.c.description,
    events.c.kind,
    events.c.age_rating,
    events.c.category,
    events.c.series,
)
_SESSION = (
    sessions.c.id,
    sessions.c.event_id,
    sessions.c.venue_id,
    sessions.c.starts_at,
    venues.c.time_zone,
    sessions.c.status,
    sessions.c.minimum_age,
    sessions.c.hold_minutes,
    sessions.c.numbered_seats,
)
_NOW = sa.func.clock_timestamp()


@dataclass(frozen=True, slots=True)
class EventSearch:
    """What a coming session of the event, or the event itself, has to match; None matches all.

    ``text`` is looked for in name, description, category and series, whatever the case.
    """

    city: str | None = None
    kind: EventKind | None = None
    text: str | None = None
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    category: str | None = None


def _event(row: sa.RowMapping) -> Event:
    values = {column.name: row[column.name] for column in _EVENT}
    return Event(**{**values, "kind": EventKind(row["kind"]), "age_rating": AgeRating(row["age_rating"])})


def _session(row: sa.RowMapping) -> Session:
    values = {column.name: row[column.name] for column in _SESSION}
    return Session(**{**values, "status": SessionStatus(row["status"])})


async def page_of_events(
    connection: AsyncConnection, search: EventSearch, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[UpcomingEvent]:
    """Up to ``limit`` events with a coming session that matches, the soonest first, after the last one seen."""
    first = sa.func.min(sessions.c.starts_at)
    coming = (
        sa.select(sessions.c.event_id, first.label("next_starts_at"))
        .join(venues, venues.c.id == sessions.c.venue_id)
        .where(sessions.c.starts_at > _NOW, sessions.c.status != SessionStatus.CANCELLED.value)
        .group_by(sessions.c.event_id)
    )
    if search.city is not None:
        coming = coming.where(sa.func.lower(venues.c.city) == search.city.lower())
    if search.starts_after is not None:
        coming = coming.where(sessions.c.starts_at >= search.starts_after)
    if search.starts_before is not None:
        coming = coming.where(sessions.c.starts_at < search.starts_before)
    if after is not None:
        coming = coming.having(sa.tuple_(first, sessions.c.event_id) > sa.tuple_(*after))
    soon = coming.subquery()
    statement = (
        sa.select(*_EVENT, soon.c.next_starts_at)
        .join(soon, soon.c.event_id == events.c.id)
        .order_by(soon.c.next_starts_at, events.c.id)
        .limit(limit)
    )
    rows = await connection.execute(_matching(statement, search))
    return [UpcomingEvent(_event(row), row["next_starts_at"]) for row in rows.mappings()]


def _matching(statement: sa.Select[Any], search: EventSearch) -> sa.Select[Any]:
    if search.kind is not None:
        statement = statement.where(events.c.kind == search.kind.value)
    if search.category is not None:
        statement = statement.where(sa.func.lower(events.c.category) == search.category.lower())
    if search.text is not None:
        places = (events.c.name, events.c.description, events.c.category, events.c.series)
        statement = statement.where(sa.or_(*(place.icontains(search.text, autoescape=True) for place in places)))
    return statement


async def events_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Event]:
    rows = await connection.execute(sa.select(*_EVENT).where(events.c.id.in_(set(ids))))
    return {row["id"]: _event(row) for row in rows.mappings()}


async def organisers_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Organiser]:
    rows = await connection.execute(sa.select(organisers).where(organisers.c.id.in_(set(ids))))
    return {row["id"]: Organiser(**row) for row in rows.mappings()}


async def venues_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Venue]:
    rows = await connection.execute(sa.select(venues).where(venues.c.id.in_(set(ids))))
    return {row["id"]: Venue(**row) for row in rows.mappings()}


async def sessions_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Session]:
    statement = sa.select(*_SESSION).join(venues, venues.c.id == sessions.c.venue_id)
    rows = await connection.execute(statement.where(sessions.c.id.in_(set(ids))))
    return {row["id"]: _session(row) for row in rows.mappings()}


async def coming_sessions_of_events(
    connection: AsyncConnection, event_ids: Sequence[UUID], *, limit: int
) -> dict[UUID, list[Session]]:
    """Up to ``limit`` coming sessions of each event, the soonest first."""
    rank = sa.func.row_number().over(partition_by=sessions.c.event_id, order_by=(sessions.c.starts_at, sessions.c.id))
    ranked = (
        sa.select(*_SESSION, rank.label("rank"))
        .join(venues, venues.c.id == sessions.c.venue_id)
        .where(sessions.c.event_id.in_(event_ids), sessions.c.starts_at > _NOW)
        .subquery()
    )
    statement = sa.select(ranked).where(ranked.c.rank <= limit).order_by(ranked.c.event_id, ranked.c.rank)
    found: dict[UUID, list[Session]] = {event_id: [] for event_id in event_ids}
    for row in (await connection.execute(statement)).mappings():
        found[row["event_id"]].append(_session(row))
    return found


def _sectors() -> sa.Select[Any]:
    # Holds that are over and not tidied up yet are few: the index on holds finds just them.
    over = (
        sa.select(sa.func.coalesce(sa.func.sum(reservations.c.quantity), 0))
        .where(
            reservations.c.sector_id == sectors.c.id,
            is_one_of(reservations.c.status, HOLDING),
            reservations.c.held_until <= _NOW,
        )
        .scalar_subquery()
    )
    return sa.select(
        sectors.c.id,
        sectors.c.session_id,
        sectors.c.name,
        sectors.c.numbered,
        sectors.c.capacity,
        sectors.c.price_minor,
        sectors.c.service_fee_minor,
        sectors.c.currency,
        (sectors.c.capacity - sectors.c.sold - sectors.c.held + over).label("available"),
    )


async def sectors_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Sector]:
    rows = await connection.execute(_sectors().where(sectors.c.id.in_(set(ids))))
    return {row["id"]: Sector(**row) for row in rows.mappings()}


async def sectors_of_sessions(connection: AsyncConnection, session_ids: Iterable[UUID]) -> dict[UUID, list[Sector]]:
    """Every sector of each session, in the organiser's order."""
    wanted = set(session_ids)
    statement = _sectors().where(sectors.c.session_id.in_(wanted)).order_by(sectors.c.session_id, sectors.c.position)
    found: dict[UUID, list[Sector]] = {session_id: [] for session_id in wanted}
    for row in (await connection.execute(statement)).mappings():
        found[row["session_id"]].append(Sector(**row))
    return found


async def served_sequences(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[tuple[UUID, UUID], int]:
    """How far the lines of these sectors have been served, by (session, sector)."""
    rows = await connection.execute(
        sa.select(sectors.c.session_id, sectors.c.id, sectors.c.last_served_sequence).where(sectors.c.id.in_(set(ids)))
    )
    return {(row.session_id, row.id): row.last_served_sequence for row in rows}
