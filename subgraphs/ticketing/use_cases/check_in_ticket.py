"""Let a ticket in, exactly once."""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.ticketing.domain.ticket_qr import TicketSigner
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.repositories import tickets


class CheckInRefused(Enum):
    """FORGED: not what we signed. UNKNOWN: signed, but no ticket (any more) with that secret."""

    FORGED = "FORGED"
    UNKNOWN = "UNKNOWN"
    ALREADY_CHECKED_IN = "ALREADY_CHECKED_IN"
    NOT_LIVE = "NOT_LIVE"


async def check_in_ticket(connection: AsyncConnection, signer: TicketSigner, qr_payload: str) -> UUID | CheckInRefused:
    """The ticket's id when this very call let it in."""
    claims = signer.verify(qr_payload)
    if claims is None:
        return CheckInRefused.FORGED
    if await tickets.check_in(connection, claims):
        return claims.ticket_id
    status = await tickets.status_of(connection, claims)
    if status is None:
        return CheckInRefused.UNKNOWN
    return CheckInRefused.ALREADY_CHECKED_IN if status is TicketStatus.CHECKED_IN else CheckInRefused.NOT_LIVE
