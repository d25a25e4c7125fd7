"""What a reconciliation has to know of payments and refunds, and which payments it has accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.payments.domain.refunds import COMMITTED
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.tables import IS_OPEN, UNACCOUNTED_SQL, payments, refunds

_P = payments.c
Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """``kept_minor``: captured and neither given back nor on its way back. ``at`` orders what is paged through."""

    id: UUID
    reference: str
    payer_id: UUID
    status: PaymentStatus
    amount_minor: int
    kept_minor: int
    at: datetime

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class UnfinishedRefund:
    id: UUID
    payment_id: UUID
    created_at: datetime


async def unaccounted(
    connection: AsyncConnection, prefix: str, *, grace: timedelta, limit: int, after: Position | None = None
) -> list[PaymentFacts]:
    """Payments with money, for references that begin with ``prefix``, unchanged for longer than ``grace``."""
    return await _page(connection, _P.updated_at, sa.text(UNACCOUNTED_SQL), prefix, grace, limit, after)


async def overdue(
    connection: AsyncConnection, prefix: str, *, grace: timedelta, limit: int, after: Position | None = None
) -> list[PaymentFacts]:
    """Open payments whose end has passed for longer than ``grace``."""
    return await _page(connection, _P.expires_at, IS_OPEN, prefix, grace, limit, after)


async def of_references(connection: AsyncConnection, references: Sequence[str]) -> list[PaymentFacts]:
    """All payments of these references, the oldest first."""
    statement = _facts(_P.created_at).where(_P.reference.in_(references)).order_by(_P.created_at, _P.id)
    return _read((await connection.execute(statement)).mappings().all())


async def account_for(connection: AsyncConnection, found: Sequence[tuple[UUID, PaymentStatus]]) -> int:
    """Note that these payments' money is where it belongs, unless their status has changed meanwhile; for how many."""
    if not found:
        return 0
    given = sa.values(sa.column("id", sa.Uuid), sa.column("status", sa.Text), name="given").data(
        [(id_, status.value) for id_, status in sorted(found)]
    )
    statement = (
        sa.update(payments).where(_P.id == given.c.id, _P.status == given.c.status).values(accounted_status=_P.status)
    )
    return (await connection.execute(statement)).rowcount


async def unfinished_refunds(
    connection: AsyncConnection, *, grace: timedelta, limit: int, after: Position | None = None
) -> list[UnfinishedRefund]:
    """Refunds that have not succeeded, for longer than ``grace``; the oldest first."""
    key = (refunds.c.created_at, refunds.c.id)
    statement = (
        sa.select(refunds.c.id, refunds.c.payment_id, refunds.c.created_at)
        .where(sa.text("refunds.status <> 'SUCCEEDED'"), refunds.c.created_at <= sa.func.clock_timestamp() - grace)
        .order_by(*key)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(sa.tuple_(*key) > sa.tuple_(*after))
    return [UnfinishedRefund(**row) for row in (await connection.execute(statement)).mappings()]


async def _page(
    connection: AsyncConnection,
    at: sa.ColumnElement[datetime],
    predicate: sa.ColumnElement[bool] | sa.TextClause,
    prefix: str,
    grace: timedelta,
    limit: int,
    after: Position | None,
) -> list[PaymentFacts]:
    statement = (
        _facts(at)
        .where(
            predicate,
            _P.reference.startswith(prefix, autoescape=True),
            at <= sa.func.clock_timestamp() - grace,
        )
        .order_by(at, _P.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(sa.tuple_(at, _P.id) > sa.tuple_(*after))
    return _read((await connection.execute(statement)).mappings().all())


def _facts(at: sa.ColumnElement[datetime]) -> sa.Select[tuple[object, ...]]:
    committed = (
        sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount_minor), 0))
        .where(refunds.c.payment_id == _P.id, is_one_of(refunds.c.status, COMMITTED))
        .correlate(payments)
        .scalar_subquery()
    )
    return sa.select(
        _P.id,
        _P.reference,
        _P.payer_id,
        _P.status,
        _P.amount_minor,
        (_P.captured_minor - committed).label("kept_minor"),
        at.label("at"),
    )


def _read(rows: Sequence[sa.RowMapping]) -> list[PaymentFacts]:
    return [
        PaymentFacts(**{**row, "status": PaymentStatus(row["status"]), "kept_minor": int(row["kept_minor"])})
        for row in rows
    ]
