"""How long a page of the catalogue takes with 100,000 events: `python -m benchmarks.catalogue [--plans]`.

A PostgreSQL of its own is started and thrown away. Half of the sessions are over; every tenth event is shown ten times;
a third of them take place in one city of 400. Each page is asked for thirty times, with the plans that connections get
in the end (`plan_cache_mode = force_generic_plan`); the deep page is the one after 20,000 events.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.local.postgres.binaries import reachable_by_others, server_account
from infra.local.shared import shared_postgres
from subgraphs.chassis.database import Database
from subgraphs.chassis.migrations import upgrade
from subgraphs.ticketing.domain.catalogue import EventKind
from subgraphs.ticketing.repositories.catalogue import EventSearch, page_of_events

EVENTS: Final = 100_000
PAGE: Final = 21  # twenty, and one more to know whether there is a next page
TIMES: Final = 30
TARGET_MS: Final = 20.0
_DEEP: Final = 20_000

_FILL: Final = (
    "INSERT INTO organisers VALUES (gen_random_uuid(), 'Rede')",
    # City 0 has a third of the venues, the others share the rest unevenly.
    """INSERT INTO venues (id, name, city, state, address, time_zone)
    SELECT gen_random_uuid(), 'Arena ' || n,
        CASE WHEN n % 3 = 0 THEN 'São Paulo' ELSE 'Cidade ' || (n * n) % 397 END,
        'SP', 'Rua ' || n, 'America/Sao_Paulo' FROM generate_series(1, 2000) n""",
    f"""INSERT INTO events (id, organiser_id, name, description, kind, age_rating, category, series)
    SELECT gen_random_uuid(), (SELECT id FROM organisers),
        (ARRAY['Noite', 'Festa', 'Clássico', 'Sessão', 'Encontro'])[1 + n % 5] || ' ' ||
        (ARRAY['do Samba', 'do Rock', 'da Ópera', 'do Riso', 'das Cores', 'do Sertão', 'do Mar'])[1 + n % 7]
        || ' ' || n,
        'Com ' || (ARRAY['Ana', 'Caetano', 'Elis', 'Gil', 'Rita', 'Tim', 'Zeca'])[1 + (n / 7) % 7] || ', ' ||
        CASE WHEN n % 20 = 0 THEN 'ao vivo' ELSE 'com convidados e surpresas para toda a família' END ||
        CASE WHEN n % 1000 = 0 THEN ' (estreia)' ELSE '' END,
        (ARRAY['CONCERT', 'CINEMA', 'FOOTBALL', 'FESTIVAL', 'CONCERT', 'CINEMA', 'CONCERT'])[1 + n % 7],
        'L', 'Categoria ' || n % 40, CASE WHEN n % 10 = 0 THEN 'Turnê ' || n % 300 END
    FROM generate_series(1, {EVENTS}) n""",
    """INSERT INTO sessions (id, event_id, venue_id, starts_at, status, hold_minutes, numbered_seats)
    SELECT gen_random_uuid(), e.id, v.ids[1 + floor(random() * array_length(v.ids, 1))::int],
        now() + (random() * 400 - CASE WHEN n.n % 2 = 1 THEN 0 ELSE 400 END) * interval '1 day', 'ON_SALE', 15, false
    FROM events e
    CROSS JOIN (SELECT array_agg(id) AS ids FROM venues) v
    CROSS JOIN LATERAL generate_series(1, CASE WHEN hashtext(e.id::text) % 10 = 0 THEN 20 ELSE 2 END) n""",
    "VACUUM ANALYZE",
)
_EXPLAIN: Final = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_buffers = on",
    "SET auto_explain.log_min_duration = 0",
    "SET client_min_messages = log",
)

_SOON: Final = datetime.now(UTC) + timedelta(days=200)
SEARCHES: Final = {
    "everything": EventSearch(),
    "the largest city": EventSearch(city="sao paulo"),
    "a small city": EventSearch(city="CIDADE 100"),
    "no such city": EventSearch(city="Atlântida"),
    "a kind": EventSearch(kind=EventKind.FESTIVAL),
    "a category": EventSearch(category="categoria 7"),
    "half a year from now": EventSearch(starts_after=_SOON),
    "one day": EventSearch(starts_after=_SOON, starts_before=_SOON + timedelta(days=1)),
    "city, kind and window": EventSearch(
        city="São Paulo", kind=EventKind.CINEMA, starts_after=_SOON, starts_before=_SOON + timedelta(days=9)
    ),
    "text in every second event": EventSearch(text="surpresas"),
    "text in every seventh": EventSearch(text="opera"),
    "text in every twentieth": EventSearch(text="ao vivo"),
    "text in every hundredth": EventSearch(text="turne 2"),
    "text in a hundred events": EventSearch(text="ESTREIA"),
    "text in one event": EventSearch(text="sertao 54321"),
    "text in none": EventSearch(text="xylophone"),
    "two letters in many": EventSearch(text="sa"),
    "two letters in none": EventSearch(text="xq"),
    "text and city": EventSearch(text="estreia", city="São Paulo"),
    "frequent text, small city": EventSearch(text="samba", city="Cidade 100"),
    "text, category and kind": EventSearch(text="rock", category="Categoria 1", kind=EventKind.CINEMA),
}


async def run(url: str, *, plans: bool) -> bool:
    """Print the table, and say whether every page took at most 20 ms (the median of its times)."""
    await upgrade("ticketing", url)
    await _fill(url)
    database = Database(url, pool_size=1)
    slow = 0
    try:
        async with database.connect() as connection:
            await connection.execute(sa.text("SET plan_cache_mode = force_generic_plan"))
            [*_, last] = await page_of_events(connection, EventSearch(), limit=_DEEP)
            print(f"{'search':28} {'page':6} {'rows':>4} {'best ms':>8} {'median ms':>10} {'worst ms':>9}")
            for name, search in SEARCHES.items():
                for page, after in (("first", None), ("deep", (last.next_starts_at, last.event.id))):
                    rows, best, median, worst = await _measure(connection, search, after)
                    slow += median > TARGET_MS
                    print(f"{name:28} {page:6} {rows:4} {best:8.2f} {median:10.2f} {worst:9.2f}", flush=True)
                    if plans:
                        await _print_plans(connection, search, after)
    finally:
        await database.dispose()
    print(f"{slow or 'None'} above {TARGET_MS:.0f} ms")
    return not slow


async def _measure(
    connection: AsyncConnection, search: EventSearch, after: tuple[datetime, UUID] | None
) -> tuple[int, float, float, float]:
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        found = await page_of_events(connection, search, limit=PAGE, after=after)
        took.append((time.perf_counter() - started) * 1_000)
    return len(found), min(took), statistics.median(took), max(took[1:])


async def _print_plans(connection: AsyncConnection, search: EventSearch, after: tuple[datetime, UUID] | None) -> None:
    """What `auto_explain` tells of the statements of one page."""

    def tell(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        print("    " + message.message.replace("\n", "\n    "))

    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    driver.add_log_listener(tell)
    for statement in _EXPLAIN:
        await connection.execute(sa.text(statement))
    await page_of_events(connection, search, limit=PAGE, after=after)
    await connection.execute(sa.text("SET auto_explain.log_min_duration = -1"))
    driver.remove_log_listener(tell)


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    for statement in _FILL:
        await connection.execute(statement)
    await connection.close()


async def _on_a_database_of_its_own(server: str, *, plans: bool) -> bool:
    connection = await asyncpg.connect(server)
    await connection.execute("CREATE DATABASE catalogue")
    await connection.close()
    url = server.replace("postgresql://", "postgresql+asyncpg://").rpartition("/")[0] + "/catalogue"
    return await run(url, plans=plans)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--plans", action="store_true", help="print EXPLAIN (ANALYZE, BUFFERS) of each page")
    place = Path(tempfile.gettempdir())
    if server_account() is not None and not reachable_by_others(place):
        place = Path("/var/tmp")
    with shared_postgres(place / f"bilhetagem-benchmark-{secrets.token_hex(4)}" / "postgres") as state:
        fast = asyncio.run(_on_a_database_of_its_own(state["url"], plans=arguments.parse_args().plans))
    return 0 if fast else 1


if __name__ == "__main__":
    sys.exit(main())
