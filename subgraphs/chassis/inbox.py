"""The inbox: which events a consumer has already taken, in the same transaction as what they did."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.retention import older_than


def inbox_table(metadata: sa.MetaData) -> sa.Table:
    """Declare the table in a service's metadata; its migration creates it."""
    return sa.Table(
        "inbox",
        metadata,
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now(), index=True),
    )


_inbox = inbox_table(sa.MetaData())

# Twice what an event can lie in its queue and then in the dead-letter queue (14 days each).
RETENTION: Final = older_than(_inbox, _inbox.c.received_at, timedelta(days=60))


async def take(connection: AsyncConnection, event_id: str, type: str) -> bool:
    """True the first time. A second taker waits until the first has committed or rolled back."""
    statement = (
        insert(_inbox)
        .values(event_id=event_id, type=type)
        .on_conflict_do_nothing(index_elements=["event_id"])
        .returning(_inbox.c.event_id)
    )
    return (await connection.execute(statement)).first() is not None
