"""Tickets: issued with the sale, checked in by a conditional update."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.ticket_code import new_ticket_code
from subgraphs.ticketing.domain.ticket_qr import SECRET_LENGTH, QrClaims
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.tables import sessions, tickets, units

_T = tickets.c


@dataclass(frozen=True, slots=True)
class TicketRow:
    id: UUID
    reservation_id: UUID
    customer_id: UUID
    session_id: UUID
    unit_id: UUID
    code: str
    secret: bytes
    status: TicketStatus

    @property
    def claims(self) -> QrClaims:
        return QrClaims(self.id, self.session_id, self.secret)


_COLUMNS = (_T.id, _T.reservation_id, _T.customer_id, _T.session_id, _T.unit_id, _T.code, _T.secret, _T.status)


def _from_row(row: sa.RowMapping) -> TicketRow:
    return TicketRow(**{**row, "status": TicketStatus(row["status"])})


async def issue(
    connection: AsyncConnection, reservation: Reservation, unit_ids: Sequence[UUID], issued_at: datetime
) -> None:
    """One ticket for each sold unit; the database refuses a second live ticket for a unit."""
    rows = [
        {
            "id": uuid4(),
            "reservation_id": reservation.id,
            "customer_id": reservation.customer_id,
            "session_id": reservation.session_id,
            "unit_id": unit_id,
            "code": new_ticket_code(),
            "secret": secrets.token_bytes(SECRET_LENGTH),
            "status": TicketStatus.ISSUED.value,
            "issued_at": issued_at,
        }
        for unit_id in sorted(unit_ids)
    ]
    await connection.execute(sa.insert(tickets).values(rows))


async def lock_of_reservation(connection: AsyncConnection, reservation_id: UUID) -> dict[UUID, TicketStatus]:
    """The reservation's tickets, locked in id order."""
    rows = await connection.execute(
        sa.select(_T.id, _T.status).where(_T.reservation_id == reservation_id).order_by(_T.id).with_for_update()
    )
    return {row.id: TicketStatus(row.status) for row in rows}


async def cancel(connection: AsyncConnection, ticket_ids: Iterable[UUID]) -> None:
    await connection.execute(
        sa.update(tickets).where(_T.id.in_(set(ticket_ids))).values(status=TicketStatus.CANCELLED.value)
    )


def _is_this(claims: QrClaims) -> sa.ColumnElement[bool]:
    return sa.and_(_T.id == claims.ticket_id, _T.session_id == claims.session_id, _T.secret == claims.secret)


async def check_in(connection: AsyncConnection, claims: QrClaims) -> bool:
    """ISSUED → CHECKED_IN; true for exactly one caller, and not for a session that was cancelled."""
    held_at_all = sa.select(sessions.c.id).where(sessions.c.id == _T.session_id, sessions.c.status != "CANCELLED")
    changed = await connection.execute(
        sa.update(tickets)
        .where(_is_this(claims), is_one_of(_T.status, [TicketStatus.ISSUED]), held_at_all.exists())
        .values(status=TicketStatus.CHECKED_IN.value, checked_in_at=sa.func.clock_timestamp())
        .returning(_T.id)
    )
    return changed.first() is not None


async def status_of(connection: AsyncConnection, claims: QrClaims) -> TicketStatus | None:
    status = await connection.scalar(sa.select(_T.status).where(_is_this(claims)))
    return TicketStatus(status) if status is not None else None


async def by_ids(
    connection: AsyncConnection, ticket_ids: Iterable[UUID], customer_id: UUID | None
) -> dict[UUID, TicketRow]:
    """The customer's tickets; with None anybody's, for the gate."""
    mine = sa.true() if customer_id is None else _T.customer_id == customer_id
    rows = await connection.execute(sa.select(*_COLUMNS).where(_T.id.in_(set(ticket_ids)), mine))
    return {row["id"]: _from_row(row) for row in rows.mappings()}


async def of_reservations(
    connection: AsyncConnection, reservation_ids: Iterable[UUID], customer_id: UUID
) -> dict[UUID, list[TicketRow]]:
    """The customer's tickets per reservation, in the order of their units."""
    wanted = set(reservation_ids)
    rows = await connection.execute(
        sa.select(*_COLUMNS)
        .join(units, units.c.id == _T.unit_id)
        .where(_T.reservation_id.in_(wanted), _T.customer_id == customer_id)
        .order_by(_T.reservation_id, units.c.position, _T.issued_at)
    )
    found: dict[UUID, list[TicketRow]] = {reservation_id: [] for reservation_id in wanted}
    for row in rows.mappings():
        found[row["reservation_id"]].append(_from_row(row))
    return found
