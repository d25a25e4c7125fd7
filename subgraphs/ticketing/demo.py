"""`python -m subgraphs.ticketing.demo` loads the demo programme; again, it moves what is over to the coming days."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.chassis.demo import demo_id
from subgraphs.ticketing import tables
from subgraphs.ticketing.demo_programme import EVENTS, ORGANISER, VENUES, DemoEvent, DemoSector, DemoVenue
from subgraphs.ticketing.settings import Settings

TIME_ZONE: Final = "America/Sao_Paulo"
HOLD_MINUTES: Final = 15
SERVICE_FEE_PERCENT: Final = 10
_ROWS_AT_ONCE: Final = 2_000


async def seed(settings: Settings) -> None:
    """Load four venues and ten events; idempotent: what was held or sold stays so."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is needed to load demo data")
    database = Database(settings.database_url, pool_size=1, limits=BACKGROUND)
    try:
        async with database.transaction() as connection:
            await _keep(
                connection, tables.organisers, [{"id": demo_id("organiser", ORGANISER[0]), "name": ORGANISER[1]}]
            )
            await _keep(connection, tables.venues, [_venue(venue) for venue in VENUES])
            await _keep(connection, tables.events, [_event(event) for event in EVENTS])
            today = datetime.now(ZoneInfo(TIME_ZONE))
            for event in EVENTS:
                await _stage(connection, event, today)
    finally:
        await database.dispose()


def _venue(venue: DemoVenue) -> dict[str, Any]:
    return {
        "id": demo_id("venue", venue.slug),
        "name": venue.name,
        "city": venue.city,
        "state": venue.state,
        "address": venue.address,
        "time_zone": TIME_ZONE,
    }


def _event(event: DemoEvent) -> dict[str, Any]:
    return {
        "id": demo_id("event", event.slug),
        "organiser_id": demo_id("organiser", ORGANISER[0]),
        "name": event.name,
        "description": event.description,
        "kind": event.kind.value,
        "age_rating": event.age_rating.value,
        "category": event.category,
        "series": event.series,
        # Whoever tries the demo buys often.
        "ticket_limit": 200,
    }


async def _stage(connection: AsyncConnection, event: DemoEvent, today: datetime) -> None:
    for number, days in enumerate(event.days):
        session_id = demo_id("session", f"{event.slug}-{number}")
        starts_at = datetime.combine(today.date() + timedelta(days=days), time(event.hour), ZoneInfo(TIME_ZONE))
        session = {
            "id": session_id,
            "event_id": demo_id("event", event.slug),
            "venue_id": demo_id("venue", event.venue),
            "starts_at": starts_at.astimezone(UTC),
            "status": "ON_SALE",
            "minimum_age": None,
            "hold_minutes": HOLD_MINUTES,
            "numbered_seats": any(sector.numbered for sector in event.sectors),
        }
        await _keep(connection, tables.sessions, [session])
        await connection.execute(
            sa.update(tables.sessions)
            .where(tables.sessions.c.id == session_id, tables.sessions.c.starts_at <= sa.func.now())
            .values(starts_at=session["starts_at"])
        )
        for position, sector in enumerate(event.sectors):
            await _fill(connection, session_id, f"{event.slug}-{number}-{position}", position, sector)


async def _fill(connection: AsyncConnection, session_id: UUID, slug: str, position: int, sector: DemoSector) -> None:
    labels, sector_id = sector.labels(), demo_id("sector", slug)
    row = {
        "id": sector_id,
        "session_id": session_id,
        "position": position,
        "name": sector.name,
        "numbered": sector.numbered,
        "capacity": len(labels),
        "price_minor": sector.price_minor,
        "service_fee_minor": sector.price_minor * SERVICE_FEE_PERCENT // 100,
    }
    added = await connection.execute(
        insert(tables.sectors).values(row).on_conflict_do_nothing().returning(tables.sectors.c.id)
    )
    if added.first() is None:
        return
    units = [
        {
            "id": demo_id("unit", f"{slug}-{place}"),
            "sector_id": sector_id,
            "position": place,
            "label": label,
            "kind": "SEAT" if sector.numbered else "PLACE",
        }
        for place, label in enumerate(labels)
    ]
    for start in range(0, len(units), _ROWS_AT_ONCE):
        await connection.execute(insert(tables.units).values(units[start : start + _ROWS_AT_ONCE]))


async def _keep(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert what is not there yet."""
    await connection.execute(insert(table).values(list(rows)).on_conflict_do_nothing())


if __name__ == "__main__":
    asyncio.run(seed(Settings()))
