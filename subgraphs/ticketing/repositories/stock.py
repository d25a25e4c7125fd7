"""Sectors with their counters, and the units behind them. Change units only while holding their sector's lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.ages import EntryRule
from subgraphs.ticketing.domain.catalogue import AgeRating, SessionStatus
from subgraphs.ticketing.tables import events, sectors, sessions, units, venues

_IDS = ARRAY(PG_UUID(as_uuid=True))


@dataclass(frozen=True, slots=True)
class LockedSector:
    """A sector whose row this transaction has locked, with what its session says about buying."""

    id: UUID
    session_id: UUID
    event_id: UUID
    session_status: SessionStatus
    starts_at: datetime
    time_zone: str
    entry: EntryRule
    hold_minutes: int
    ticket_limit: int
    numbered: bool
    capacity: int
    held: int
    sold: int
    price_minor: int
    service_fee_minor: int
    currency: str

    @property
    def free(self) -> int:
        return self.capacity - self.held - self.sold


async def lock_sectors(connection: AsyncConnection, sector_ids: Iterable[UUID]) -> dict[UUID, LockedSector]:
    """Lock the rows in id order; unknown ids are left out.

    NO KEY UPDATE: rows that refer to a sector may still be inserted by others, who would deadlock with us otherwise.
    """
    statement = (
        sa.select(
            sectors.c.id,
            sectors.c.session_id,
            sessions.c.event_id,
            sessions.c.status.label("session_status"),
            sessions.c.starts_at,
            venues.c.time_zone,
            events.c.age_rating,
            sessions.c.minimum_age,
            sessions.c.hold_minutes,
            events.c.ticket_limit,
            sectors.c.numbered,
            sectors.c.capacity,
            sectors.c.held,
            sectors.c.sold,
            sectors.c.price_minor,
            sectors.c.service_fee_minor,
            sectors.c.currency,
        )
        .join(sessions, sessions.c.id == sectors.c.session_id)
        .join(events, events.c.id == sessions.c.event_id)
        .join(venues, venues.c.id == sessions.c.venue_id)
        .where(sectors.c.id.in_(set(sector_ids)))
        .order_by(sectors.c.id)
        .with_for_update(key_share=True, of=sectors)
    )
    return {row["id"]: _locked(dict(row)) for row in (await connection.execute(statement)).mappings().all()}


def _locked(values: dict[str, Any]) -> LockedSector:
    entry = EntryRule(AgeRating(values.pop("age_rating")), values.pop("minimum_age"))
    return LockedSector(**{**values, "entry": entry, "session_status": SessionStatus(values["session_status"])})


async def count_units(connection: AsyncConnection, sector_id: UUID, *, held: int = 0, sold: int = 0) -> None:
    """Add to a locked sector's counters (negative to take away)."""
    if held or sold:
        await connection.execute(
            sa.update(sectors)
            .where(sectors.c.id == sector_id)
            .values(held=sectors.c.held + held, sold=sectors.c.sold + sold)
        )


async def remember_served(connection: AsyncConnection, sequences: Mapping[UUID, int]) -> None:
    """Keep, per locked sector, the number in its line that was decided last."""
    for sector_id, sequence in sorted(sequences.items()):
        await connection.execute(
            sa.update(sectors).where(sectors.c.id == sector_id).values(last_served_sequence=sequence)
        )


# Candidates are chosen by position, so that people sit together, and locked in id order, as everywhere.
_HOLD_ANY = sa.text("""
    WITH candidate AS MATERIALIZED (
        SELECT id FROM units WHERE sector_id = :sector AND state = 'FREE' ORDER BY position LIMIT :quantity
    ), locked AS (
        SELECT id FROM units WHERE id IN (SELECT id FROM candidate) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE units SET state = 'HELD', reservation_id = :reservation, held_until = :until
    FROM locked WHERE units.id = locked.id AND units.state = 'FREE'
    RETURNING units.id
""")

_HOLD_THESE = sa.text("""
    WITH locked AS (
        SELECT id FROM units WHERE id = ANY(:ids) AND sector_id = :sector ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE units SET state = 'HELD', reservation_id = :reservation, held_until = :until
    FROM locked WHERE units.id = locked.id AND units.state = 'FREE'
    RETURNING units.id
""").bindparams(sa.bindparam("ids", type_=_IDS))


async def hold_any(
    connection: AsyncConnection, sector_id: UUID, quantity: int, reservation_id: UUID, until: datetime
) -> list[UUID]:
    """Take up to ``quantity`` free units, the first ones by position; their ids."""
    parameters = {"sector": sector_id, "quantity": quantity, "reservation": reservation_id, "until": until}
    return list((await connection.execute(_HOLD_ANY, parameters)).scalars())


async def hold_these(
    connection: AsyncConnection, sector_id: UUID, unit_ids: Iterable[UUID], reservation_id: UUID, until: datetime
) -> list[UUID]:
    """Take those of the units that are free; their ids."""
    parameters = {"sector": sector_id, "ids": sorted(unit_ids), "reservation": reservation_id, "until": until}
    return list((await connection.execute(_HOLD_THESE, parameters)).scalars())


_SELL = sa.text("""
    WITH locked AS (SELECT id FROM units WHERE reservation_id = :reservation ORDER BY id FOR NO KEY UPDATE)
    UPDATE units SET state = 'SOLD', held_until = NULL
    FROM locked WHERE units.id = locked.id AND units.reservation_id = :reservation AND units.state = 'HELD'
    RETURNING units.id
""")

_FREE = sa.text("""
    WITH locked AS (
        SELECT id FROM units WHERE reservation_id = ANY(:reservations) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE units SET state = 'FREE', reservation_id = NULL, held_until = NULL
    FROM locked WHERE units.id = locked.id AND units.state = :state
    RETURNING units.sector_id
""").bindparams(sa.bindparam("reservations", type_=_IDS))


async def sell_held(connection: AsyncConnection, reservation_id: UUID) -> list[UUID]:
    """HELD → SOLD for the reservation's units; their ids."""
    return list((await connection.execute(_SELL, {"reservation": reservation_id})).scalars())


async def free_units(connection: AsyncConnection, reservation_ids: Iterable[UUID], state: str) -> dict[UUID, int]:
    """Units of these reservations that are in ``state`` (HELD or SOLD) become free; how many per sector."""
    parameters = {"reservations": sorted(reservation_ids), "state": state}
    freed: dict[UUID, int] = {}
    for sector_id in (await connection.execute(_FREE, parameters)).scalars():
        freed[sector_id] = freed.get(sector_id, 0) + 1
    return freed


async def states_of(
    connection: AsyncConnection, sector_id: UUID, unit_ids: Iterable[UUID]
) -> dict[UUID, tuple[str, UUID | None]]:
    """(state, reservation) of those of the units that belong to the sector."""
    rows = await connection.execute(
        sa.select(units.c.id, units.c.state, units.c.reservation_id).where(
            units.c.id.in_(set(unit_ids)), units.c.sector_id == sector_id
        )
    )
    return {row.id: (row.state, row.reservation_id) for row in rows}
