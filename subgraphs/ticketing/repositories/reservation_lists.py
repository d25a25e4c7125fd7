"""Reservations of one customer, for looking at them. The customer is part of every key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import SOLD
from subgraphs.ticketing.repositories.reservations import COLUMNS, from_row
from subgraphs.ticketing.tables import events, reservations, sessions, venues

_R = reservations.c


# One text for any number of keys: it is prepared once on each connection.
_KEYS = sa.text("SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:customers AS uuid[])) AS mine (id, customer_id)")
_MINE = _KEYS.columns(sa.column("id", _R.id.type), sa.column("customer_id", _R.id.type)).subquery("mine")
_NOW = sa.func.clock_timestamp().label("now")


async def reservations_of_customers(
    connection: AsyncConnection, keys: Iterable[tuple[UUID, UUID]]
) -> dict[UUID, tuple[Reservation, datetime]]:
    """Of each (reservation, customer) the reservation and the moment; what is not that customer's is left out."""
    wanted = list(keys)
    statement = sa.select(*COLUMNS, _NOW).join(
        _MINE, sa.and_(_MINE.c.id == _R.id, _MINE.c.customer_id == _R.customer_id)
    )
    ids = {"ids": [str(id_) for id_, _ in wanted], "customers": [str(customer) for _, customer in wanted]}
    found = {}
    for row in (await connection.execute(statement, ids)).mappings():
        values = dict(row)
        now = values.pop("now")
        found[row["id"]] = (from_row(values), now)
    return found


_TOLD = sa.text("""
    SELECT reservations.id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[])) AS told (id, status)
    JOIN reservations ON reservations.id = told.id
    WHERE reservations.status <> told.status
""")


async def changed_since_told(connection: AsyncConnection, told: Iterable[tuple[UUID, str]]) -> list[UUID]:
    """Which of (reservation, stored status) have another status by now. Nothing of them is told here."""
    pairs = list(told)
    parameters = {"ids": [str(id_) for id_, _ in pairs], "statuses": [status for _, status in pairs]}
    return list((await connection.execute(_TOLD, parameters)).scalars())


async def decided_among(connection: AsyncConnection, ids: Iterable[UUID]) -> list[UUID]:
    """Those for which there is an outcome, whosever they are: for the platform itself, never shown."""
    return list((await connection.execute(sa.select(_R.id).where(_R.id.in_(set(ids))))).scalars())


async def page_of_reservations(
    connection: AsyncConnection, customer_id: UUID, *, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Reservation]:
    """Up to ``limit`` reservations of the customer, newest first."""
    statement = (
        sa.select(*COLUMNS)
        .where(_R.customer_id == customer_id)
        .order_by(_R.created_at.desc(), _R.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(sa.tuple_(_R.created_at, _R.id) < sa.tuple_(*before))
    return [from_row(row) for row in (await connection.execute(statement)).mappings()]


@dataclass(frozen=True, slots=True)
class Purchase:
    event_id: UUID
    quantity: int
    purchased_at: datetime


async def purchases(connection: AsyncConnection, customer_id: UUID, *, limit: int) -> list[Purchase]:
    """What the customer has bought and still has, newest first."""
    rows = await connection.execute(
        sa.select(_R.event_id, _R.quantity, _R.confirmed_at)
        .where(_R.customer_id == customer_id, is_one_of(_R.status, SOLD), _R.event_id.is_not(None))
        .order_by(_R.confirmed_at.desc(), _R.id)
        .limit(limit)
    )
    return [Purchase(row.event_id, row.quantity, row.confirmed_at) for row in rows]


@dataclass(frozen=True, slots=True)
class WhatIsReserved:
    """The event, session and venue behind a reservation, as far as others need to know them."""

    event_id: UUID
    event_name: str
    session_id: UUID
    starts_at: datetime
    venue_id: UUID
    venue_name: str
    time_zone: str


async def what_is_reserved(connection: AsyncConnection, session_id: UUID) -> WhatIsReserved | None:
    row = (
        (
            await connection.execute(
                sa.select(
                    events.c.id.label("event_id"),
                    events.c.name.label("event_name"),
                    sessions.c.id.label("session_id"),
                    sessions.c.starts_at,
                    venues.c.id.label("venue_id"),
                    venues.c.name.label("venue_name"),
                    venues.c.time_zone,
                )
                .select_from(sessions)
                .join(events, events.c.id == sessions.c.event_id)
                .join(venues, venues.c.id == sessions.c.venue_id)
                .where(sessions.c.id == session_id)
            )
        )
        .mappings()
        .one_or_none()
    )
    return WhatIsReserved(**row) if row is not None else None
