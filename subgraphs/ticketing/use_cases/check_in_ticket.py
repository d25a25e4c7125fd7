"""Let a ticket in, exactly once, at the session that it is for; or say why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.ages import EntryRule
from subgraphs.ticketing.domain.catalogue import SessionStatus
from subgraphs.ticketing.domain.gate import (
    MAX_WRONG_CODES,
    WRONG_CODES_WINDOW,
    CheckInRefusal,
    closes_at,
    opens_at,
)
from subgraphs.ticketing.domain.ticket_code import parse_ticket_code
from subgraphs.ticketing.domain.ticket_qr import QrClaims
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.repositories import clock, tickets
from subgraphs.ticketing.repositories.tickets import ScannedTicket


@dataclass(frozen=True, slots=True)
class Gate:
    """Which gate of which session, and who stands there."""

    session_id: UUID
    name: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class CheckedIn:
    ticket_id: UUID
    entry: EntryRule


@dataclass(frozen=True, slots=True)
class CheckInRefused:
    """``ticket`` as far as one was found."""

    reason: CheckInRefusal
    ticket: ScannedTicket | None = None


async def check_in_qr(connection: AsyncConnection, gate: Gate, claims: QrClaims) -> CheckedIn | CheckInRefused:
    """With what a QR says, whose signature has been verified."""
    return await _admit(connection, gate, await tickets.lock_by_claims(connection, claims))


async def check_in_code(connection: AsyncConnection, gate: Gate, typed: str) -> CheckedIn | CheckInRefused:
    """With the code that a person reads out. Wrong ones are counted for whoever stands at the gate."""
    code = parse_ticket_code(typed)
    if code is None:
        return CheckInRefused(CheckInRefusal.NOT_FOUND)
    now = await clock.now(connection)
    if await tickets.lock_wrong_codes(connection, gate.user_id, now - WRONG_CODES_WINDOW) >= MAX_WRONG_CODES:
        return CheckInRefused(CheckInRefusal.TOO_MANY_WRONG_CODES)
    found = await tickets.lock_by_code(connection, code)
    if found is None:
        await tickets.count_wrong_code(connection, gate.user_id)
    return await _admit(connection, gate, found)


async def _admit(connection: AsyncConnection, gate: Gate, ticket: ScannedTicket | None) -> CheckedIn | CheckInRefused:
    if ticket is None:
        return CheckInRefused(CheckInRefusal.NOT_FOUND)
    now = await clock.now(connection)
    refusal = _refusal(ticket, gate, now)
    if refusal is not None:
        return CheckInRefused(refusal, ticket)
    await tickets.check_in(connection, ticket.id, gate.name, now)
    return CheckedIn(ticket.id, ticket.entry)


def _refusal(ticket: ScannedTicket, gate: Gate, now: datetime) -> CheckInRefusal | None:
    """What helps the person at the gate most comes first."""
    if ticket.session_id != gate.session_id:
        return CheckInRefusal.WRONG_SESSION
    if ticket.session_status is SessionStatus.CANCELLED:
        return CheckInRefusal.SESSION_CANCELLED
    if ticket.status is TicketStatus.CHECKED_IN:
        return CheckInRefusal.ALREADY_CHECKED_IN
    if ticket.status is TicketStatus.CANCELLED:
        return CheckInRefusal.REFUNDED if ticket.paid else CheckInRefusal.CANCELLED
    if ticket.status is not TicketStatus.ISSUED:
        return CheckInRefusal.REVOKED
    if now < opens_at(ticket.starts_at):
        return CheckInRefusal.TOO_EARLY
    return CheckInRefusal.SESSION_OVER if now >= closes_at(ticket.starts_at) else None
