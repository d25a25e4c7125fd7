"""Registers the domain's enums with strawberry, under their public names; importing it is what does it."""

import strawberry

from subgraphs.ticketing.domain.catalogue import AgeRating, EventKind, SessionStatus, UnitKind, UnitState
from subgraphs.ticketing.domain.gate import CheckInRefusal
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.domain.ticket_states import TicketStatus
from subgraphs.ticketing.use_cases.confirm_reservation import ConfirmStatus
from subgraphs.ticketing.use_cases.expire_reservation import ExpireOutcome

strawberry.enum(EventKind)
strawberry.enum(AgeRating, description="Classificação indicativa: free (L), or from this age on.")
strawberry.enum(SessionStatus)
strawberry.enum(UnitKind)
strawberry.enum(UnitState)
strawberry.enum(ReservationStatus)
strawberry.enum(TicketStatus)
strawberry.enum(
    CheckInRefusal, description="REFUNDED: given back, and its money too. REVOKED: transferred or taken back."
)
strawberry.federation.enum(ConfirmStatus, inaccessible=True)
strawberry.federation.enum(ExpireOutcome, name="ExpireStatus", inaccessible=True)

__all__ = [
    "AgeRating",
    "CheckInRefusal",
    "ConfirmStatus",
    "EventKind",
    "ExpireOutcome",
    "ReservationStatus",
    "SessionStatus",
    "TicketStatus",
    "UnitKind",
    "UnitState",
]
