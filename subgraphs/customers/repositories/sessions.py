"""SQL of sessions, their refresh tokens, and attempts to sign in."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.session import REFRESH_LIFE, SESSION_LIFE, EndReason, RefreshToken
from subgraphs.customers.domain.throttle import WINDOW, Attempts
from subgraphs.customers.tables import refresh_tokens, sessions, sign_in_attempts


async def open_session(connection: AsyncConnection, session_id: UUID, customer_id: UUID, now: datetime) -> None:
    await connection.execute(
        sa.insert(sessions).values(
            id=session_id, customer_id=customer_id, created_at=now, expires_at=now + SESSION_LIFE
        )
    )


async def end_session(connection: AsyncConnection, session_id: UUID, reason: EndReason, now: datetime) -> None:
    """Every token of its family is dead from now on."""
    await connection.execute(
        sa.update(sessions)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        .values(ended_at=now, end_reason=reason.value)
    )


async def add_refresh_token(connection: AsyncConnection, session_id: UUID, token_hash: bytes, now: datetime) -> None:
    await connection.execute(
        sa.insert(refresh_tokens).values(
            token_hash=token_hash, session_id=session_id, issued_at=now, expires_at=now + REFRESH_LIFE
        )
    )


async def lock_refresh_token(connection: AsyncConnection, token_hash: bytes) -> RefreshToken | None:
    """The token with its session, both locked: of two that show the same token, the second sees it used."""
    statement = (
        sa.select(
            refresh_tokens.c.session_id,
            sessions.c.customer_id,
            refresh_tokens.c.expires_at,
            refresh_tokens.c.used_at,
            sessions.c.expires_at.label("session_expires_at"),
            sessions.c.ended_at.label("session_ended_at"),
        )
        .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
        .where(refresh_tokens.c.token_hash == token_hash)
        .with_for_update()
    )
    row = (await connection.execute(statement)).mappings().first()
    return RefreshToken(**row) if row is not None else None


async def use_refresh_token(connection: AsyncConnection, token_hash: bytes, now: datetime) -> None:
    await connection.execute(
        sa.update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash).values(used_at=now)
    )


async def count_attempt(connection: AsyncConnection, subject_hash: bytes, now: datetime) -> Attempts:
    """Count one attempt before it is judged."""
    statement = insert(sign_in_attempts).values(subject_hash=subject_hash, failures=1, window_started_at=now)
    over = sign_in_attempts.c.window_started_at <= now - WINDOW
    counted = statement.on_conflict_do_update(
        index_elements=["subject_hash"],
        set_={
            "failures": sa.case((over, 1), else_=sign_in_attempts.c.failures + 1),
            "window_started_at": sa.case((over, now), else_=sign_in_attempts.c.window_started_at),
        },
    ).returning(sign_in_attempts.c.failures, sign_in_attempts.c.window_started_at)
    row = (await connection.execute(counted)).one()
    return Attempts(row.failures, row.window_started_at)


async def forget_attempts(connection: AsyncConnection, subject_hash: bytes) -> None:
    await connection.execute(sa.delete(sign_in_attempts).where(sign_in_attempts.c.subject_hash == subject_hash))


async def take_attempt_back(connection: AsyncConnection, subject_hash: bytes) -> None:
    """One that was counted, and turned out to be no failure."""
    await connection.execute(
        sa.update(sign_in_attempts)
        .where(sign_in_attempts.c.subject_hash == subject_hash, sign_in_attempts.c.failures > 0)
        .values(failures=sign_in_attempts.c.failures - 1)
    )
