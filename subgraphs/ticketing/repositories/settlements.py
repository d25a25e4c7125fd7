"""Whether reservations and their money are as they should be, and which payments were refused for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.tables import UNSETTLED, refused_payments, reservations, tickets

_R = reservations.c


@dataclass(frozen=True, slots=True)
class ReservationFacts:
    """``settled_from``: since when it could be finished, ``age`` ago; ``tickets`` are those that open a gate."""

    id: UUID
    customer_id: UUID
    status: ReservationStatus
    settled_from: datetime
    age: timedelta
    quantity: int
    total_minor: int
    payment_id: UUID | None
    tickets: int


async def unsettled(
    connection: AsyncConnection, *, grace: timedelta, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[ReservationFacts]:
    """Reservations that could be finished for longer than ``grace``, the longest first."""
    statement = (
        _facts()
        .where(sa.text(UNSETTLED), _R.settled_from <= sa.func.clock_timestamp() - grace)
        .order_by(_R.settled_from, _R.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(sa.tuple_(_R.settled_from, _R.id) > sa.tuple_(*after))
    return await _read(connection, statement)


async def facts_of(connection: AsyncConnection, ids: Iterable[UUID]) -> list[ReservationFacts]:
    """Those of the reservations that exist, whatever their status."""
    return await _read(connection, _facts().where(_R.id.in_(set(ids))))


async def refusal_of(connection: AsyncConnection, payment_id: UUID) -> str | None:
    """Why this payment could not buy its reservation; None when it has not been refused."""
    found: str | None = await connection.scalar(
        sa.select(refused_payments.c.reason).where(refused_payments.c.payment_id == payment_id)
    )
    return found


async def refuse(connection: AsyncConnection, reservation_id: UUID, payment_id: UUID, reason: str) -> None:
    """Keep that this payment cannot buy its reservation, which the caller has locked."""
    await connection.execute(
        sa.insert(refused_payments).values(payment_id=payment_id, reservation_id=reservation_id, reason=reason)
    )


async def settle(connection: AsyncConnection, found: Sequence[tuple[UUID, ReservationStatus]]) -> int:
    """Note that nothing is left to do for these, unless their status has changed meanwhile; for how many."""
    if not found:
        return 0
    given = sa.values(sa.column("id", sa.Uuid), sa.column("status", sa.Text), name="given").data(
        [(id_, status.value) for id_, status in sorted(found)]
    )
    statement = (
        sa.update(reservations).where(_R.id == given.c.id, _R.status == given.c.status).values(settled_status=_R.status)
    )
    return (await connection.execute(statement)).rowcount


def _facts() -> sa.Select[tuple[UUID, UUID, str, datetime, timedelta, int, int, UUID, int]]:
    live = (
        sa.select(sa.func.count())
        .where(tickets.c.reservation_id == _R.id, sa.text("tickets.status IN ('ISSUED', 'CHECKED_IN')"))
        .correlate(reservations)
        .scalar_subquery()
    )
    return sa.select(
        _R.id,
        _R.customer_id,
        _R.status,
        _R.settled_from,
        (sa.func.clock_timestamp() - _R.settled_from).label("age"),
        _R.quantity,
        (_R.quantity * (_R.unit_price_minor + _R.unit_fee_minor)).label("total_minor"),
        _R.payment_id,
        live.label("tickets"),
    )


async def _read(
    connection: AsyncConnection,
    statement: sa.Select[tuple[UUID, UUID, str, datetime, timedelta, int, int, UUID, int]],
) -> list[ReservationFacts]:
    rows = (await connection.execute(statement)).mappings()
    return [ReservationFacts(**{**row, "status": ReservationStatus(row["status"])}) for row in rows]
