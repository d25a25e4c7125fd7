"""What is deleted when nobody needs it any more, a few rows at a time, for as long as the service runs.

A service's ``retention.py`` has its ``RULES``, and its ``app.py`` gives them to ``build_app``. Whatever has no rule
stays, such as all that money and tickets are proven by.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import metrics
from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.chassis.waiting import first_of

if TYPE_CHECKING:
    from subgraphs.chassis.app import Running

log = structlog.get_logger(__name__)

BATCH: Final = 500
EVERY_SECONDS: Final = 300.0
# Between two batches, so that a long-neglected table does not take the database from those who work with it.
PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Retention:
    """``statement`` deletes up to ``:limit`` rows of ``table`` that are locked by nobody, the oldest first."""

    table: str
    statement: sa.Delete | sa.TextClause


def older_than(table: sa.Table, column: sa.Column[Any], keep: timedelta) -> Retention:
    """Rows whose ``column``, which needs an index, is longer ago than ``keep``."""
    key = list(table.primary_key.columns)
    due = (
        sa.select(*key)
        .where(column < sa.func.now() - keep)
        .order_by(column)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    return Retention(str(table.name), sa.delete(table).where(*(one == due.c[one.name] for one in key)))


async def sweep(connection: AsyncConnection, rule: Retention, limit: int = BATCH) -> int:
    """One batch; how many rows went."""
    return (await connection.execute(rule.statement, {"limit": limit})).rowcount


async def sweep_all(database: Database, rules: Sequence[Retention], stopping: asyncio.Event) -> None:
    """Every rule until nothing is left for it. One that fails keeps no other back: it is tried again the next time."""
    for rule in rules:
        forgotten = 0
        try:
            while not stopping.is_set():
                async with database.transaction(BACKGROUND) as connection:
                    gone = await sweep(connection, rule)
                forgotten += gone
                if gone < BATCH:
                    break
                await first_of(stopping, seconds=PAUSE_SECONDS)
        except Exception:  # whatever the database has, the task outlives it
            log.exception("retention_failed", table=rule.table)
        if forgotten:
            log.info("rows_forgotten", table=rule.table, rows=forgotten)
            metrics.count("RowsForgotten", forgotten, Table=rule.table)


def retention_task(rules: Sequence[Retention]) -> Callable[[Running, asyncio.Event], Awaitable[None]]:
    """A background task: all rules, about every five minutes."""

    async def retention(running: Running, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            # Processes that start together do not sweep together.
            await first_of(stopping, seconds=EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            await sweep_all(running.database, rules, stopping)

    return retention
