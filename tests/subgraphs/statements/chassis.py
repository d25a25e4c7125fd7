"""Rows and arguments for the statements of the chassis, in whichever service's database its tables are."""

from typing import Any, Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import idempotency, inbox, outbox
from subgraphs.chassis.events import DomainEvent, new_event


def _event() -> DomainEvent:
    return new_event("thing.made", source="rehearsal", subject=uuid4(), data={})


async def seed(connection: AsyncConnection, tables: set[str]) -> None:
    """100 rows in each of the chassis's tables that are among ``tables``."""
    if "outbox" in tables:
        await outbox.append(connection, *(_event() for _ in range(100)))
    for _ in range(100):
        if "inbox" in tables:
            await inbox.take(connection, str(uuid4()), "thing.made")
        if "idempotency" in tables:
            await _run_once(connection, str(uuid4()))


async def _run_once(connection: AsyncConnection, key: str) -> None:
    async def produce() -> dict[str, Any]:
        return {"made": key}

    await idempotency.run_once(connection, "scope", key, "hash", produce)


async def _run_twice(connection: AsyncConnection) -> None:
    for _ in range(2):
        await _run_once(connection, "again")


CALLS: Final = {
    "outbox.append": lambda connection: outbox.append(connection, _event(), _event()),
    "idempotency.run_once": _run_twice,
}
