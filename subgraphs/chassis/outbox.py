"""The transactional outbox: an event is written with the change it tells of, and published at least once.

The relay claims rows with a lease, commits, publishes, then deletes: no lock and no transaction is held while the
network is used. Two relays never hold the same row (``SKIP LOCKED``); when one dies, its lease runs out and the rows
are published again. Order is that of writing as long as nothing fails; consumers must not depend on it.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import events
from subgraphs.chassis.database import OUTBOX_MARK
from subgraphs.chassis.events import DomainEvent

LEASE_SECONDS: Final = 30
MAX_RETRY_SECONDS: Final = 300


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Declare the table in a service's metadata; its migration creates it."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


# For statements only: which metadata the table is declared in does not matter to them.
_outbox = outbox_table(sa.MetaData())


async def append(connection: AsyncConnection, *new: DomainEvent) -> None:
    """Write events in the caller's transaction. An id that is still waiting is not written twice."""
    if not new:
        return
    rows = [{"event_id": event.id, "type": event.type, "payload": events.encode(event)} for event in new]
    await connection.execute(insert(_outbox).values(rows).on_conflict_do_nothing(index_elements=["event_id"]))
    connection.info[OUTBOX_MARK] = True


async def claim(connection: AsyncConnection, limit: int) -> list[dict[str, Any]]:
    """Lease up to ``limit`` due rows, oldest first: {position, event_id, type, payload, attempts}."""
    # Materialised: a subquery of IN may be planned to run again for each row, and then takes `limit` more each time.
    due = (
        sa.select(_outbox.c.position)
        .where(_outbox.c.available_at <= sa.func.clock_timestamp())
        .order_by(_outbox.c.position)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        sa.update(_outbox)
        .where(_outbox.c.position == due.c.position)
        .values(
            attempts=_outbox.c.attempts + 1,
            available_at=sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, LEASE_SECONDS),
        )
        .returning(_outbox.c.position, _outbox.c.event_id, _outbox.c.type, _outbox.c.payload, _outbox.c.attempts)
    )
    rows = (await connection.execute(statement)).mappings().all()
    return sorted((dict(row) for row in rows), key=lambda row: row["position"])


async def forget(connection: AsyncConnection, positions: list[int]) -> None:
    """Delete what was published."""
    if positions:
        await connection.execute(sa.delete(_outbox).where(_outbox.c.position.in_(positions)))


async def put_back(connection: AsyncConnection, positions: list[int]) -> None:
    """Give up the lease of what was not published; a row waits twice as long after each attempt, at most 5 min.

    Half of the pause is random, for each row: rows that failed together would come back together for ever, and what
    one of them breaks would always be broken for the others.
    """
    if positions:
        longest = sa.func.least(0.1 * sa.func.power(2, sa.func.least(_outbox.c.attempts, 16)), MAX_RETRY_SECONDS)
        delay = longest * (0.5 + 0.5 * sa.func.random())
        await connection.execute(
            sa.update(_outbox)
            .where(_outbox.c.position.in_(positions))
            .values(available_at=sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, delay))
        )
