"""SQL of what is on sale. Everything is read in bulk, so that a page costs a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
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
_VENUE = (venues.c.id, venues.c.name, venues.c.city, venues.c.state, venues.c.address, venues.c.time_zone)
# The statement's moment, not `clock_timestamp()`: an index cannot be searched for what is another at each row.
_NOW = sa.func.statement_timestamp()

LONGEST_WALK: Final = 2_000
_IN_ORDER = sa.text("SET LOCAL enable_sort = off")


@dataclass(frozen=True, slots=True)
class EventSearch:
    """What a coming session of the event, or the event itself, has to match; None matches all.

    ``text`` is looked for in name, description, category and series. In all texts neither case nor accents matter.
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
    """Up to ``limit`` events with a coming session that matches, the soonest first, after the last one seen.

    A frequent text fills the page within the next few sessions; a rare one is found by the index on texts.
    The planner does not know how soon a page is full, and would rather sort all that match: it is told not to, until
    the transaction ends.
    """
    await connection.execute(_IN_ORDER)
    rows = (await connection.execute(_walk(search, limit, after))).mappings().all()
    if search.text is not None and len(rows) < limit:
        rows = (await connection.execute(_by_text(search, search.text, limit, after))).mappings().all()
    return [UpcomingEvent(_event(row), row["next_starts_at"]) for row in rows]


def _walk(search: EventSearch, limit: int, after: tuple[datetime, UUID] | None) -> sa.Select[Any]:
    """Along one index of sessions, in the order of the page, until it is full; no further than a text may take it.

    A session stands for its event when it is the first of it that matches, so each event comes once.
    """
    coming = sa.select(sessions.c.id, sessions.c.event_id, sessions.c.starts_at).where(*_matching(sessions, search))
    if search.kind is not None:
        coming = coming.where(sessions.c.kind == search.kind.value)
    if search.category is not None:
        coming = coming.where(sessions.c.category_key == _once(sa.func.search_key(search.category)))
    if after is not None:
        coming = coming.where(sa.tuple_(sessions.c.starts_at, sessions.c.event_id) > sa.tuple_(*after))
    coming = coming.order_by(sessions.c.starts_at, sessions.c.event_id)
    walked = (coming.limit(LONGEST_WALK) if search.text is not None else coming).subquery("walked")
    # A subquery with a limit for each session that is met, which the planner cannot turn into a join of all of them.
    mine = sessions.alias("mine")
    first = sa.select(mine.c.id).where(mine.c.event_id == walked.c.event_id, *_matching(mine, search))
    statement = (
        sa.select(*_EVENT, walked.c.starts_at.label("next_starts_at"))
        .join(walked, walked.c.event_id == events.c.id)
        .where(walked.c.id == first.order_by(mine.c.starts_at, mine.c.id).limit(1).scalar_subquery())
        .order_by(walked.c.starts_at, walked.c.event_id)
        .limit(limit)
    )
    return statement if search.text is None else statement.where(_has_text(search.text))


def _by_text(search: EventSearch, text: str, limit: int, after: tuple[datetime, UUID] | None) -> sa.Select[Any]:
    """From the events with the text to the first of their sessions that matches."""
    first = (
        sa.select(sessions.c.starts_at)
        .where(sessions.c.event_id == events.c.id, *_matching(sessions, search))
        .order_by(sessions.c.starts_at)
        .limit(1)
        .lateral("first")
    )
    statement = (
        sa.select(*_EVENT, first.c.starts_at.label("next_starts_at"))
        .join(first, sa.true())
        .where(_has_text(text))
        .order_by(first.c.starts_at, events.c.id)
        .limit(limit)
    )
    if search.kind is not None:
        statement = statement.where(events.c.kind == search.kind.value)
    if search.category is not None:
        statement = statement.where(events.c.category_key == _once(sa.func.search_key(search.category)))
    if after is not None:
        statement = statement.where(sa.tuple_(first.c.starts_at, events.c.id) > sa.tuple_(*after))
    return statement


def _has_text(text: str) -> sa.ColumnElement[bool]:
    """``search_pattern``: anywhere, but one or two letters only where a word begins, which the index can find."""
    return events.c.search_text.like(_once(sa.func.search_pattern(text)))


def _once(value: sa.Function[str]) -> sa.ScalarSelect[str]:
    """As a subquery it is computed once, and not for each row that is compared with it."""
    return sa.select(value).scalar_subquery()


def _matching(session: sa.FromClause, search: EventSearch) -> list[sa.ColumnElement[bool]]:
    """What one session has to fulfil by itself: its event may have others that do not."""
    found = [session.c.starts_at > _NOW, session.c.status != sa.literal_column(f"'{SessionStatus.CANCELLED.value}'")]
    if search.city is not None:
        found.append(session.c.city_key == _once(sa.func.search_key(search.city)))
    if search.starts_after is not None:
        found.append(session.c.starts_at >= search.starts_after)
    if search.starts_before is not None:
        found.append(session.c.starts_at < search.starts_before)
    return found


async def events_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Event]:
    rows = await connection.execute(sa.select(*_EVENT).where(events.c.id.in_(set(ids))))
    return {row["id"]: _event(row) for row in rows.mappings()}


async def organisers_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Organiser]:
    rows = await connection.execute(sa.select(organisers).where(organisers.c.id.in_(set(ids))))
    return {row["id"]: Organiser(**row) for row in rows.mappings()}


async def venues_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Venue]:
    rows = await connection.execute(sa.select(*_VENUE).where(venues.c.id.in_(set(ids))))
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
