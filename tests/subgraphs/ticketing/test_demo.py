"""The demo programme: loads in few statements, again without harm, and never lies in the past."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.ticketing import tables
from subgraphs.ticketing.demo import seed
from subgraphs.ticketing.settings import Settings

MOST_STATEMENTS = 300


async def test_it_loads_in_few_statements_and_again_moves_only_what_is_over(
    fresh_database: Callable[[str], str], signing_key: str
) -> None:
    """Units keep their state on the second run, and a session of yesterday is in the coming days."""
    url = fresh_database("ticketing")
    settings = Settings(
        database_url=url, service_token_jwks="{}", reservation_requests_table="none", ticket_signing_key=signing_key
    )
    statements: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", count)
    try:
        await seed(settings)
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", count)
    # By the kind of thing, not one for each of the thousands of units.
    assert len(statements) < MOST_STATEMENTS, len(statements)
    db = Database(url)
    try:
        before = await _contents(db)
        assert before["events"] == 10
        assert {"São Paulo", "Rio de Janeiro"} == set(before["cities"])
        assert before["capacity"] == before["units"]
        over = datetime.now(UTC) - timedelta(days=1)
        async with db.transaction() as connection:
            [moved] = (await connection.execute(sa.select(tables.sessions.c.id).limit(1))).scalars()
            await connection.execute(
                tables.sessions.update().where(tables.sessions.c.id == moved).values(starts_at=over)
            )
        await seed(settings)
        after = await _contents(db)
        assert after.pop("starts")[moved] > datetime.now(UTC)
        before.pop("starts")
        assert after == before
    finally:
        await db.dispose()


async def _contents(db: Database) -> dict[str, Any]:
    async with db.connect() as connection:

        async def one(statement: Any) -> Any:
            return (await connection.execute(statement)).scalar_one()

        starts = await connection.execute(sa.select(tables.sessions.c.id, tables.sessions.c.starts_at))
        return {
            "events": await one(sa.select(sa.func.count()).select_from(tables.events)),
            "units": await one(sa.select(sa.func.count()).select_from(tables.units)),
            "capacity": await one(sa.select(sa.func.sum(tables.sectors.c.capacity))),
            "cities": (await connection.execute(sa.select(tables.venues.c.city).distinct())).scalars().all(),
            "starts": {row.id: row.starts_at for row in starts},
        }
