"""SQL over ``payments``. A payer's own look-ups have the payer in the key; locks are taken in id order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.payments.domain.payment import FailureCode, Payment, PaymentMethod
from subgraphs.payments.domain.states import CAPTURED, OPEN, PaymentStatus
from subgraphs.payments.tables import OPEN_SQL, payments

MAX_LISTED: Final = 50


async def insert_payment(connection: AsyncConnection, payment: Payment, *, check_at: datetime) -> bool:
    """False when the payer has an open payment of this reference already."""
    values = asdict(payment) | {"updated_at": payment.created_at, "check_at": check_at}
    statement = (
        insert(payments)
        .values(values)
        .on_conflict_do_nothing(index_elements=["payer_id", "reference"], index_where=sa.text(OPEN_SQL))
        .returning(payments.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def find(connection: AsyncConnection, payment_id: UUID) -> Payment | None:
    return await _one(connection, sa.select(payments).where(payments.c.id == payment_id))


async def lock(connection: AsyncConnection, payment_id: UUID) -> Payment | None:
    """The row under FOR UPDATE until the transaction ends."""
    return await _one(connection, sa.select(payments).where(payments.c.id == payment_id).with_for_update())


async def find_by_provider_reference(connection: AsyncConnection, provider: str, reference: str) -> Payment | None:
    return await _one(
        connection,
        sa.select(payments).where(payments.c.provider == provider, payments.c.provider_reference == reference),
    )


async def list_of_payer(connection: AsyncConnection, payer_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """Those of ``ids`` that are this payer's, by id."""
    rows = await connection.execute(sa.select(payments).where(payments.c.id.in_(ids), payments.c.payer_id == payer_id))
    return {row["id"]: _payment(row) for row in rows.mappings()}


async def list_by_reference(
    connection: AsyncConnection, reference: str, *, payer_id: UUID | None = None
) -> list[Payment]:
    """The newest first, at most 50; of one payer, or of all (internal callers only)."""
    statement = sa.select(payments).where(payments.c.reference == reference)
    if payer_id is not None:
        statement = statement.where(payments.c.payer_id == payer_id)
    rows = await connection.execute(statement.order_by(payments.c.created_at.desc(), payments.c.id).limit(MAX_LISTED))
    return [_payment(row) for row in rows.mappings()]


async def find_unresolved(connection: AsyncConnection, payer_id: UUID, reference: str) -> Payment | None:
    """The payer's payment of this reference that is open, or that holds money; the open one first."""
    live = sa.or_(
        payments.c.status.in_(sorted(OPEN)),
        sa.and_(payments.c.status.in_(sorted(CAPTURED)), payments.c.captured_minor > payments.c.refunded_minor),
    )
    is_open = payments.c.status.in_(sorted(OPEN))
    statement = (
        sa.select(payments)
        .where(payments.c.payer_id == payer_id, payments.c.reference == reference, live)
        .order_by(is_open.desc(), payments.c.created_at.desc())
        .limit(1)
    )
    return await _one(connection, statement)


async def claim_open_to_check(connection: AsyncConnection, now: datetime, pause: timedelta, limit: int) -> list[UUID]:
    """Open payments that nobody looked at for a while; each is put off by ``pause`` so that others take others."""
    due = (
        sa.select(payments.c.id)
        .where(payments.c.status.in_(sorted(OPEN)), payments.c.check_at <= now)
        .order_by(payments.c.check_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = sa.update(payments).where(payments.c.id.in_(due)).values(check_at=now + pause).returning(payments.c.id)
    return list((await connection.execute(statement)).scalars())


async def set_provider_reference(connection: AsyncConnection, payment_id: UUID, reference: str, now: datetime) -> None:
    await _change(connection, payment_id, now, provider_reference=reference)


async def save(connection: AsyncConnection, payment: Payment, now: datetime) -> None:
    """Store what changes in a payment's life. The row is locked by the caller's transaction."""
    await _change(
        connection,
        payment.id,
        now,
        status=payment.status,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        card_token=payment.card_token,
        br_code=payment.br_code,
        end_to_end_id=payment.end_to_end_id,
        card_brand=payment.card_brand,
        card_last4=payment.card_last4,
        failure_code=payment.failure_code,
    )


async def _change(connection: AsyncConnection, payment_id: UUID, now: datetime, **values: Any) -> None:
    await connection.execute(sa.update(payments).where(payments.c.id == payment_id).values(updated_at=now, **values))


async def _one(connection: AsyncConnection, statement: sa.Select[Any]) -> Payment | None:
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else _payment(row)


def _payment(row: sa.RowMapping) -> Payment:
    return Payment(
        id=row["id"],
        payer_id=row["payer_id"],
        reference=row["reference"],
        method=PaymentMethod(row["method"]),
        status=PaymentStatus(row["status"]),
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        captured_minor=row["captured_minor"],
        refunded_minor=row["refunded_minor"],
        provider=row["provider"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        provider_reference=row["provider_reference"],
        description=row["description"],
        payer_name=row["payer_name"],
        card_token=row["card_token"],
        br_code=row["br_code"],
        end_to_end_id=row["end_to_end_id"],
        card_brand=row["card_brand"],
        card_last4=row["card_last4"],
        failure_code=None if row["failure_code"] is None else FailureCode(row["failure_code"]),
    )
