"""Tickets: issued with the sale, checked in under their lock."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.ages import EntryRule
from subgraphs.ticketing.domain.catalogue import AgeRating, SessionStatus
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.ticket_code import new_ticket_code
from subgraphs.ticketing.domain.ticket_qr import SECRET_LENGTH, QrClaims
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.tables import events, reservations, sessions, tickets, units, wrong_codes

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


@dataclass(frozen=True, slots=True)
class ScannedTicket:
    """A ticket, locked, with what a gate has to know; ``paid`` says that money was given for it."""

    id: UUID
    session_id: UUID
    status: TicketStatus
    checked_in_at: datetime | None
    checked_in_gate: str | None
    session_status: SessionStatus
    starts_at: datetime
    entry: EntryRule
    paid: bool


async def lock_by_claims(connection: AsyncConnection, claims: QrClaims) -> ScannedTicket | None:
    """None also when the secret is no longer the ticket's."""
    return await _lock_scanned(
        connection, _T.id == claims.ticket_id, _T.session_id == claims.session_id, _T.secret == claims.secret
    )


async def lock_by_code(connection: AsyncConnection, code: str) -> ScannedTicket | None:
    """``code`` as it was issued."""
    return await _lock_scanned(connection, _T.code == code)


async def _lock_scanned(connection: AsyncConnection, *which: sa.ColumnElement[bool]) -> ScannedTicket | None:
    statement = (
        sa.select(
            _T.id,
            _T.session_id,
            _T.status,
            _T.checked_in_at,
            _T.checked_in_gate,
            sessions.c.status.label("session_status"),
            sessions.c.starts_at,
            sessions.c.minimum_age,
            events.c.age_rating,
            reservations.c.payment_id.is_not(None).label("paid"),
        )
        .join(sessions, sessions.c.id == _T.session_id)
        .join(events, events.c.id == sessions.c.event_id)
        .join(reservations, reservations.c.id == _T.reservation_id)
        .where(*which)
        .with_for_update(of=tickets)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    values["entry"] = EntryRule(AgeRating(values.pop("age_rating")), values.pop("minimum_age"))
    values["status"] = TicketStatus(values["status"])
    values["session_status"] = SessionStatus(values["session_status"])
    return ScannedTicket(**values)


async def check_in(connection: AsyncConnection, ticket_id: UUID, gate: str, now: datetime) -> None:
    """A locked ticket that was ISSUED is CHECKED_IN."""
    await connection.execute(
        sa.update(tickets)
        .where(_T.id == ticket_id, is_one_of(_T.status, [TicketStatus.ISSUED]))
        .values(status=TicketStatus.CHECKED_IN.value, checked_in_at=now, checked_in_gate=gate)
    )


async def lock_wrong_codes(connection: AsyncConnection, gate_user_id: UUID, since: datetime) -> int:
    """How many wrong codes were typed after ``since``; nobody types another one for this user until the end."""
    wrong = wrong_codes.c
    claim = insert(wrong_codes).values(gate_user_id=gate_user_id, since=sa.func.clock_timestamp(), attempts=0)
    fresh = sa.case((wrong.since > since, wrong.attempts), else_=0)
    statement = claim.on_conflict_do_update(
        index_elements=["gate_user_id"],
        set_={"attempts": fresh, "since": sa.case((wrong.since > since, wrong.since), else_=claim.excluded.since)},
    ).returning(wrong.attempts)
    attempts: int = (await connection.execute(statement)).scalar_one()
    return attempts


async def count_wrong_code(connection: AsyncConnection, gate_user_id: UUID) -> None:
    await connection.execute(
        sa.update(wrong_codes)
        .where(wrong_codes.c.gate_user_id == gate_user_id)
        .values(attempts=wrong_codes.c.attempts + 1)
    )


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
