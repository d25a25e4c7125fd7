"""SQL over ``refunds``. Written only while the payment's row is locked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.payments.domain.refunds import MAX_ATTEMPTS, Refund, RefundStatus
from subgraphs.payments.tables import IS_UNDER_WAY, payments, refunds


async def insert_refund(connection: AsyncConnection, refund: Refund, *, check_at: datetime) -> None:
    values = asdict(refund) | {"updated_at": refund.created_at, "check_at": check_at}
    await connection.execute(sa.insert(refunds).values(values))


async def find(connection: AsyncConnection, refund_id: UUID) -> Refund | None:
    row = (await connection.execute(sa.select(refunds).where(refunds.c.id == refund_id))).mappings().first()
    return None if row is None else _refund(row)


async def list_of_payment(connection: AsyncConnection, payment_id: UUID) -> list[Refund]:
    """The oldest first."""
    statement = sa.select(refunds).where(refunds.c.payment_id == payment_id).order_by(refunds.c.created_at)
    return [_refund(row) for row in (await connection.execute(statement)).mappings()]


async def claim_unfinished(
    connection: AsyncConnection, provider: str, now: datetime, pause: timedelta, limit: int
) -> list[UUID]:
    """Refunds to push on: under way, or failed with attempts left. Each is put off by ``pause``."""
    worth_it = sa.or_(IS_UNDER_WAY, sa.and_(sa.text("refunds.status = 'FAILED'"), refunds.c.attempt < MAX_ATTEMPTS))
    # Materialised, so that no plan runs it again for every row: that would claim more than ``limit``.
    due = (
        sa.select(refunds.c.id)
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(
            payments.c.provider == provider,
            sa.text("refunds.status <> 'SUCCEEDED'"),  # literal, as in the index
            worth_it,
            refunds.c.check_at <= now,
        )
        .order_by(refunds.c.check_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=refunds)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    statement = sa.update(refunds).where(refunds.c.id == due.c.id).values(check_at=now + pause).returning(refunds.c.id)
    return list((await connection.execute(statement)).scalars())


async def save(connection: AsyncConnection, refund: Refund, now: datetime, *, check_at: datetime | None = None) -> None:
    values: dict[str, Any] = {
        "status": refund.status,
        "attempt": refund.attempt,
        "provider_reference": refund.provider_reference,
        "failure_code": refund.failure_code,
        "updated_at": now,
    }
    if check_at is not None:
        values["check_at"] = check_at
    await connection.execute(sa.update(refunds).where(refunds.c.id == refund.id).values(values))


def _refund(row: sa.RowMapping) -> Refund:
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        amount_minor=row["amount_minor"],
        reason=row["reason"],
        status=RefundStatus(row["status"]),
        attempt=row["attempt"],
        created_at=row["created_at"],
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
    )
