"""SQL over ``webhook_events``: what the gateways told us, each message once, until it has been acted upon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.payments.gateways.port import Notice
from subgraphs.payments.tables import webhook_events

LONGEST_PAUSE_S: Final = 300


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """``attempts`` counts this one."""

    id: int
    attempts: int
    stored: Any

    @property
    def notice(self) -> Notice:
        """Raises ``msgspec.ValidationError`` for what an earlier version stored and this one cannot read."""
        return msgspec.convert(self.stored, Notice)


async def store(connection: AsyncConnection, notices: list[Notice], now: datetime) -> int:
    """How many were new: UNIQUE(provider, event_id) keeps the others out."""
    if not notices:
        return 0
    rows = [
        {
            "provider": notice.provider,
            "event_id": notice.event_id,
            "kind": notice.kind,
            "provider_reference": notice.provider_reference,
            "notice": msgspec.to_builtins(notice),
            "received_at": now,
            "due_at": now,
        }
        for notice in notices
    ]
    statement = (
        insert(webhook_events)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["provider", "event_id"])
        .returning(webhook_events.c.id)
    )
    return len((await connection.execute(statement)).all())


async def claim(connection: AsyncConnection, provider: str, now: datetime, limit: int) -> list[StoredNotice]:
    """The oldest unprocessed ones, leased: whoever dies leaves them to be claimed again after a growing pause."""
    # Materialised, so that no plan runs it again for every row: that would claim more than ``limit``.
    due = (
        sa.select(webhook_events.c.id)
        .where(
            webhook_events.c.provider == provider,
            webhook_events.c.processed_at.is_(None),
            webhook_events.c.due_at <= now,
        )
        .order_by(webhook_events.c.due_at, webhook_events.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    pause = sa.func.least(15 * sa.func.power(2, sa.func.least(webhook_events.c.attempts, 8)), LONGEST_PAUSE_S)
    statement = (
        sa.update(webhook_events)
        .where(webhook_events.c.id == due.c.id)
        .values(
            attempts=webhook_events.c.attempts + 1,
            due_at=sa.cast(now, sa.DateTime(timezone=True)) + sa.func.make_interval(0, 0, 0, 0, 0, 0, pause),
        )
        .returning(webhook_events.c.id, webhook_events.c.attempts, webhook_events.c.notice)
    )
    rows = (await connection.execute(statement)).mappings().all()
    claimed = [StoredNotice(row["id"], row["attempts"], row["notice"]) for row in rows]
    return sorted(claimed, key=lambda stored: stored.id)


async def put_back(connection: AsyncConnection, number: int, now: datetime, pause: timedelta) -> None:
    """Try again after ``pause`` rather than after the whole lease."""
    await connection.execute(sa.update(webhook_events).where(webhook_events.c.id == number).values(due_at=now + pause))


async def finish(
    connection: AsyncConnection, number: int, now: datetime, outcome: str, reason: str | None = None
) -> None:
    """``outcome`` names what came of it, for whoever asks later; ``reason`` why it was set aside."""
    await connection.execute(
        sa.update(webhook_events)
        .where(webhook_events.c.id == number)
        .values(processed_at=now, outcome=outcome, reason=reason)
    )
