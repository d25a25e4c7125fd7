"""Idempotency keys: the same key and input give the stored result, the same key and other input a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.retention import older_than

MAX_KEY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key was used before with another input. At the edge: ``user_error(info, IDEMPOTENCY_KEY_REUSED)``."""

    key: str


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    """Declare the table in a service's metadata; its migration creates it."""
    return sa.Table(
        "idempotency",
        metadata,
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("result", JSONB, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now(), index=True),
    )


_idempotency = idempotency_table(sa.MetaData())

# Longer than anything that may still be repeated: a queue keeps a message for 14 days, a dead-letter queue as long
# again, an execution may be redriven for 14.
RETENTION: Final = older_than(_idempotency, _idempotency.c.created_at, timedelta(days=90))


def request_hash(request: object) -> str:
    """SHA-256 (hex) of the input's canonical JSON; anything msgspec can encode, dataclasses and dicts included."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()


def key_is_valid(key: str) -> bool:
    """1 to 200 printable characters."""
    return 0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()


async def release(connection: AsyncConnection, scope: str, key: str) -> None:
    """Forget what came of a key, so that it may be used again: only for results that changed nothing."""
    await connection.execute(sa.delete(_idempotency).where(_idempotency.c.scope == scope, _idempotency.c.key == key))


async def run_once(
    connection: AsyncConnection,
    scope: str,
    key: str,
    request_hash: str,
    produce: Callable[[], Awaitable[dict[str, Any]]],
) -> dict[str, Any] | KeyReused:
    """``produce()``'s result (JSON), stored under (scope, key) in the caller's transaction; the stored one afterwards.

    ``scope`` names the operation and its owner, such as ``"place_order:<customer uuid>"``. Two at the same moment:
    the second waits for the first. When ``produce`` raises, nothing is kept and the key may be used again.
    """
    claimed = await connection.execute(
        insert(_idempotency)
        .values(scope=scope, key=key, request_hash=request_hash)
        .on_conflict_do_nothing(index_elements=["scope", "key"])
        .returning(_idempotency.c.key)
    )
    here = sa.and_(_idempotency.c.scope == scope, _idempotency.c.key == key)
    if claimed.first() is None:
        stored = (await connection.execute(sa.select(_idempotency).where(here))).mappings().one()
        if stored["request_hash"] != request_hash:
            return KeyReused(key)
        kept: dict[str, Any] = stored["result"]
        return kept
    result = await produce()
    await connection.execute(sa.update(_idempotency).where(here).values(result=result))
    return result
