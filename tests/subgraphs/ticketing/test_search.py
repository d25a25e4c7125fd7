"""Events are found however a city, a category or a text is spelled; a page reads few rows however many there are."""

import unicodedata
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.ticketing.domain.catalogue import EventKind
from subgraphs.ticketing.repositories.catalogue import LONGEST_WALK, EventSearch, page_of_events
from subgraphs.ticketing.tables import events, sessions, venues
from tests.subgraphs.ticketing.conftest import EVENT, VENUE, Service, add_event, fill
from tests.subgraphs.ticketing.test_catalogue import names

SPELLINGS = ("São Paulo", "sao paulo", "SÃO PAULO", unicodedata.normalize("NFD", "São Paulo"), "  são\u00a0 paulo\t")


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_city_is_found_however_it_is_spelled(service: Service, spelling: str) -> None:
    assert await names(service, {"city": spelling}) == ["Palmeiras × Santos"]
    assert await names(service, {"city": spelling + "s"}) == []


async def test_a_category_and_a_text_are_found_however_they_are_spelled(service: Service, db: Database) -> None:
    async with db.transaction() as connection:
        about = {"description": "A ÓPERA do malandro", "category": "Música clássica", "series": "Verão 2027"}
        await add_event(connection, uuid4(), uuid4(), "Coração  Valente", days=1, **about)
    found = ["Coração Valente".replace(" ", "  ", 1)]
    for category in (
        "musica classica",
        "MÚSICA CLÁSSICA",
        " música  clássica ",
        unicodedata.normalize("NFD", "Música clássica"),
    ):
        assert await names(service, {"category": category}) == found
    for text in ("coracao valente", "OPERA", "ópera do", "cla", "verao", "2027", "malandro", "ação v"):
        assert await names(service, {"text": text}) == found, text
    # Across two of the texts nothing is found, and fewer than three letters only at the beginning of a word.
    assert await names(service, {"text": "valente a opera"}) == []
    assert await names(service, {"text": "do"}) == found
    assert await names(service, {"text": "p"}) == ["Palmeiras × Santos"]
    assert await names(service, {"text": "ra"}) == []


@pytest.mark.parametrize("empty", ["", " ", "\u00a0\n"])
async def test_an_empty_text_filters_nothing(service: Service, empty: str) -> None:
    for name in ("city", "text", "category"):
        assert await names(service, {name: empty}) == ["Palmeiras × Santos"]


async def test_a_venue_that_moves_and_an_event_that_changes_are_found_as_they_are_now(
    service: Service, db: Database
) -> None:
    async with db.transaction() as connection:
        await connection.execute(venues.update().where(venues.c.id == VENUE).values(city="Belém"))
        await connection.execute(events.update().where(events.c.id == EVENT).values(kind="CONCERT", category="Axé"))
    assert await names(service, {"city": "São Paulo"}) == []
    for where in ({"city": "belem"}, {"kind": "CONCERT"}, {"category": "axe"}, {"text": "axé"}):
        assert await names(service, where) == ["Palmeiras × Santos"], where
    elsewhere = uuid4()
    async with db.transaction() as connection:
        there = {"name": "Outra", "city": "Olinda", "state": "PE", "address": "-", "time_zone": "America/Recife"}
        await connection.execute(venues.insert().values(id=elsewhere, **there))
        await connection.execute(sessions.update().values(venue_id=elsewhere))
    assert await names(service, {"city": "olinda"}) == ["Palmeiras × Santos"]
    assert await names(service, {"city": "belem"}) == []


async def test_an_event_comes_once_by_the_first_of_its_sessions_that_matches(service: Service, db: Database) -> None:
    """Two at the same moment, one that is cancelled, one that is over, one elsewhere, before and after a page's end."""
    olinda, twice, later = uuid4(), uuid4(), uuid4()
    soon = sa.func.now() + sa.text("interval '1 day'")
    async with db.transaction() as connection:
        there = {"name": "Outra", "city": "Olinda", "state": "PE", "address": "-", "time_zone": "America/Recife"}
        await connection.execute(venues.insert().values(id=olinda, **there))
        await add_event(connection, twice, uuid4(), "Duas salas", days=5)
        await add_event(connection, later, uuid4(), "Depois", days=9)
        for event, venue, starts_at, status in (
            (twice, VENUE, soon, "ON_SALE"),
            (twice, VENUE, soon, "ON_SALE"),
            (twice, olinda, soon, "CANCELLED"),
            (later, VENUE, soon, "CANCELLED"),
            (later, VENUE, sa.func.now() - sa.text("interval '1 day'"), "ON_SALE"),
            (later, olinda, sa.func.now() + sa.text("interval '4 days'"), "ON_SALE"),
        ):
            await connection.execute(
                sessions.insert().values(
                    id=uuid4(),
                    event_id=event,
                    venue_id=venue,
                    starts_at=starts_at,
                    status=status,
                    hold_minutes=15,
                    numbered_seats=False,
                )
            )
    assert await names(service) == ["Duas salas", "Palmeiras × Santos", "Depois"]
    assert await names(service, {"city": "São Paulo"}) == ["Duas salas", "Palmeiras × Santos", "Depois"]
    assert await names(service, {"city": "olinda"}) == ["Depois"]
    for search in (EventSearch(), EventSearch(text="pau")):
        async with db.connect() as connection:
            one = await page_of_events(connection, search, limit=1)
            after = (one[0].next_starts_at, one[0].event.id)
            rest = await page_of_events(connection, search, limit=9, after=after)
        assert "Duas salas" not in [row.event.name for row in rest]


SEARCHES = (
    EventSearch(),
    EventSearch(city="sao paulo"),
    EventSearch(kind=EventKind.CONCERT),
    EventSearch(category="categoria 7"),
    EventSearch(city="sao paulo", kind=EventKind.CONCERT),
    EventSearch(text="noite"),
)
RARE = EventSearch(text="rarissimo")


async def test_a_page_reads_few_rows_however_many_events_there_are(db: Database) -> None:
    """With the plan that a connection ends up with: the first page, one in the middle, a text that is nowhere near."""
    await fill(db)
    async with db.transaction() as connection:
        for statement in (
            """INSERT INTO events (id, organiser_id, name, kind, age_rating, category)
            SELECT gen_random_uuid(), o.id, 'Noite ' || n, 'CONCERT', 'L', 'Categoria ' || n % 10
            FROM organisers o, generate_series(1, 3000) n""",
            """INSERT INTO sessions (id, event_id, venue_id, starts_at, status, hold_minutes, numbered_seats)
            SELECT gen_random_uuid(), e.id, v.id, now() + (n * random() * 100 - 30) * interval '1 day', 'ON_SALE', 15,
            false FROM events e, venues v, generate_series(1, 2) n""",
            "ANALYZE events, sessions, venues",
        ):
            await connection.execute(sa.text(statement))
        await add_event(connection, uuid4(), uuid4(), "Raríssimo", days=300)
    async with db.connect() as connection:
        await connection.execute(sa.text("SET plan_cache_mode = force_generic_plan"))
        middle = (await page_of_events(connection, EventSearch(), limit=1_000))[-1]
        for search in SEARCHES:
            for after in (None, (middle.next_starts_at, middle.event.id)):
                before = await _rows_read(connection)
                assert len(await page_of_events(connection, search, limit=21, after=after)) == 21
                assert await _rows_read(connection) - before < 400, (search, after)
        before = await _rows_read(connection)
        assert [row.event.name for row in await page_of_events(connection, RARE, limit=21)] == ["Raríssimo"]
        assert await _rows_read(connection) - before < 5 * LONGEST_WALK


async def _rows_read(connection: Any) -> int:
    statement = "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables"
    read: int = (await connection.execute(sa.text(statement))).scalar_one()
    return read
