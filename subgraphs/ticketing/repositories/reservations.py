"""Reservations, as rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.allocation import AllocationRequest
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import HOLDING, SOLD, ReservationStatus
from subgraphs.ticketing.tables import purchase_limits, reservation_units, reservations

_R = reservations.c
COLUMNS = (
    _R.id,
    _R.customer_id,
    _R.session_id,
    _R.sector_id,
    _R.event_id,
    _R.quantity,
    _R.status,
    _R.held_until,
    _R.unit_price_minor,
    _R.unit_fee_minor,
    _R.currency,
    _R.rejection,
    _R.payment_id,
    _R.sequence,
    _R.created_at,
    _R.confirmed_at,
)
_HOLDING = is_one_of(_R.status, HOLDING)
_SOLD = is_one_of(_R.status, SOLD)


def from_row(row: Mapping[str, Any] | sa.RowMapping) -> Reservation:
    return Reservation(**{**row, "status": ReservationStatus(row["status"])})


async def stored_outcomes(
    connection: AsyncConnection, requests: Sequence[AllocationRequest]
) -> list[tuple[str, Reservation]]:
    """What is stored already for any of these requests, by id or by the customer's key: (key, reservation)."""
    keys = [(request.customer_id, request.idempotency_key) for request in requests]
    rows = await connection.execute(
        sa.select(*COLUMNS, _R.idempotency_key).where(
            sa.or_(
                _R.id.in_([request.reservation_id for request in requests]),
                sa.tuple_(_R.customer_id, _R.idempotency_key).in_(keys),
            )
        )
    )
    found = []
    for row in rows.mappings():
        values = dict(row)
        found.append((values.pop("idempotency_key"), from_row(values)))
    return found


async def insert_reservation(
    connection: AsyncConnection,
    request: AllocationRequest,
    *,
    status: ReservationStatus,
    event_id: UUID | None,
    unit_price_minor: int = 0,
    unit_fee_minor: int = 0,
    currency: str = "BRL",
    rejection: dict[str, Any] | None = None,
) -> Reservation:
    """A new row. Raises ``IntegrityError`` when the id or the key was stored meanwhile (by another sector's batch)."""
    statement = (
        sa.insert(reservations)
        .values(
            id=request.reservation_id,
            customer_id=request.customer_id,
            idempotency_key=request.idempotency_key,
            session_id=request.session_id,
            sector_id=request.sector_id,
            event_id=event_id,
            quantity=request.quantity,
            status=status.value,
            unit_price_minor=unit_price_minor,
            unit_fee_minor=unit_fee_minor,
            currency=currency,
            rejection=rejection if rejection is not None else sa.null(),
            sequence=request.sequence,
            requested_at=request.requested_at,
            created_at=sa.func.clock_timestamp(),
        )
        .returning(*COLUMNS)
    )
    return from_row((await connection.execute(statement)).mappings().one())


async def change(connection: AsyncConnection, reservation_id: UUID, **values: Any) -> Reservation:
    """Write columns of a row that this transaction has locked or made; the row afterwards."""
    statement = sa.update(reservations).where(_R.id == reservation_id).values(**values).returning(*COLUMNS)
    return from_row((await connection.execute(statement)).mappings().one())


async def change_status(
    connection: AsyncConnection, reservation_ids: Iterable[UUID], status: ReservationStatus
) -> list[Reservation]:
    """The same status for several locked rows; the rows afterwards, by id."""
    statement = (
        sa.update(reservations).where(_R.id.in_(set(reservation_ids))).values(status=status.value).returning(*COLUMNS)
    )
    rows = (await connection.execute(statement)).mappings().all()
    return sorted((from_row(row) for row in rows), key=lambda reservation: reservation.id)


async def sector_of(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID) -> UUID | None:
    """Which sector has to be locked before this reservation; it never changes."""
    found: UUID | None = await connection.scalar(
        sa.select(_R.sector_id).where(_R.id == reservation_id, _R.customer_id == customer_id)
    )
    return found


async def lock(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID) -> Reservation | None:
    """The customer's reservation, locked; a foreign one is as missing as a missing one."""
    statement = (
        sa.select(*COLUMNS)
        .where(_R.id == reservation_id, _R.customer_id == customer_id)
        .with_for_update(key_share=True)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return from_row(row) if row is not None else None


async def lock_due(
    connection: AsyncConnection, sector_ids: Iterable[UUID], now: datetime, limit: int
) -> list[Reservation]:
    """Up to ``limit`` reservations of locked sectors whose hold is over, the longest over first, locked in id order."""
    # Materialised: chosen once, however the rest is planned.
    chosen = (
        sa.select(_R.id)
        .where(_R.sector_id.in_(set(sector_ids)), _HOLDING, _R.held_until <= now)
        .order_by(_R.held_until, _R.id)
        .limit(limit)
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        sa.select(*COLUMNS)
        .where(_R.id.in_(sa.select(chosen.c.id)))
        .order_by(_R.id)
        .with_for_update(key_share=True, of=reservations)
    )
    rows = (await connection.execute(statement)).mappings().all()
    return [from_row(row) for row in rows]


async def lock_due_of_units(
    connection: AsyncConnection, reservation_ids: Iterable[UUID], now: datetime
) -> list[Reservation]:
    """Those of the reservations whose hold is over, locked in id order."""
    statement = (
        sa.select(*COLUMNS)
        .where(_R.id.in_(set(reservation_ids)), _HOLDING, _R.held_until <= now)
        .order_by(_R.id)
        .with_for_update(key_share=True)
    )
    rows = (await connection.execute(statement)).mappings().all()
    return [from_row(row) for row in rows]


async def sectors_with_due(connection: AsyncConnection, limit: int) -> set[UUID]:
    """The sectors of the ``limit`` holds that are over the longest."""
    chosen = (
        sa.select(_R.sector_id)
        .where(_HOLDING, _R.held_until <= sa.func.clock_timestamp())
        .order_by(_R.held_until)
        .limit(limit)
    )
    return set((await connection.execute(chosen)).scalars())


async def lock_purchase_limits(
    connection: AsyncConnection, pairs: Iterable[tuple[UUID, UUID]], now: datetime
) -> dict[tuple[UUID, UUID], int]:
    """Lock (customer, event) pairs in order; how many units each has bought or holds at ``now``."""
    ordered = sorted(set(pairs))
    if not ordered:
        return {}
    limits = purchase_limits.c
    await connection.execute(
        insert(purchase_limits)
        .values([{"customer_id": customer, "event_id": event} for customer, event in ordered])
        .on_conflict_do_nothing()
    )
    await connection.execute(
        sa.select(limits.customer_id)
        .where(sa.tuple_(limits.customer_id, limits.event_id).in_(ordered))
        .order_by(limits.customer_id, limits.event_id)
        .with_for_update()
    )
    live = sa.or_(_SOLD, sa.and_(_HOLDING, _R.held_until > now))
    rows = await connection.execute(
        sa.select(_R.customer_id, _R.event_id, sa.func.sum(_R.quantity).label("units"))
        .where(sa.tuple_(_R.customer_id, _R.event_id).in_(ordered), live)
        .group_by(_R.customer_id, _R.event_id)
    )
    counted = {(row.customer_id, row.event_id): int(row.units) for row in rows}
    return {pair: counted.get(pair, 0) for pair in ordered}


async def keep_units(connection: AsyncConnection, reservation_id: UUID, unit_ids: Iterable[UUID]) -> None:
    """Remember which units a reservation got."""
    rows = [{"reservation_id": reservation_id, "unit_id": unit} for unit in sorted(unit_ids)]
    await connection.execute(sa.insert(reservation_units).values(rows))


async def kept_units(connection: AsyncConnection, reservation_id: UUID) -> list[UUID]:
    """The units a reservation got, whether or not it still has them."""
    rows = await connection.execute(
        sa.select(reservation_units.c.unit_id)
        .where(reservation_units.c.reservation_id == reservation_id)
        .order_by(reservation_units.c.unit_id)
    )
    return list(rows.scalars())
