"""What a gate is told: the age rule to check documents by, or why somebody does not get in."""

from dataclasses import field
from datetime import datetime
from typing import Final

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.types import ErrorCode, UserError
from subgraphs.ticketing.domain import ages
from subgraphs.ticketing.domain.gate import CheckInRefusal, opens_at
from subgraphs.ticketing.repositories.tickets import ScannedTicket
from subgraphs.ticketing.types.catalogue import Session, session_of
from subgraphs.ticketing.types.entry_texts import companions
from subgraphs.ticketing.types.enums import AgeRating

_R = CheckInRefusal

_SAID: Final = {
    _R.FORGED: ("Este QR não é de um ingresso nosso.", "This QR is not one of our tickets."),
    _R.NOT_FOUND: ("Ingresso não encontrado.", "No such ticket."),
    _R.TOO_MANY_WRONG_CODES: (
        "Muitos códigos errados. Leia o QR, ou aguarde alguns minutos.",
        "Too many wrong codes. Scan the QR, or wait a few minutes.",
    ),
    _R.WRONG_SESSION: ("O ingresso é de outra sessão.", "The ticket is for another session."),
    _R.SESSION_CANCELLED: ("A sessão foi cancelada.", "The session was cancelled."),
    _R.ALREADY_CHECKED_IN: ("O ingresso já foi usado.", "The ticket has been used."),
    _R.REFUNDED: ("O ingresso foi devolvido e reembolsado.", "The ticket was given back and refunded."),
    _R.CANCELLED: ("O ingresso foi cancelado.", "The ticket was cancelled."),
    _R.REVOKED: ("O ingresso não vale mais.", "The ticket is no longer valid."),
    _R.TOO_EARLY: ("Os portões ainda não abriram.", "The gates are not open yet."),
    _R.SESSION_OVER: ("A sessão já terminou.", "The session is over."),
}
_CODES: Final = {
    _R.FORGED: ErrorCode.INVALID_INPUT,
    _R.NOT_FOUND: ErrorCode.NOT_FOUND,
    _R.TOO_MANY_WRONG_CODES: ErrorCode.TOO_MANY_ATTEMPTS,
}


@strawberry.type(description="Who gets in, by age on the session's day: for checking documents at the gate.")
class EntryRule:
    age_rating: AgeRating
    minimum_age: int | None = strawberry.field(description="The session's own; nobody younger gets in.")
    alone_from: int = strawberry.field(description="From this age on one gets in alone; 0: everybody does.")
    accompanied_from: int | None = strawberry.field(
        description="From this age on accompanied by parents or guardian (Portaria MJSP 502/2021, art. 10); null: no"
        " earlier than alone."
    )
    message: str = strawberry.field(description="The rule in words; empty when there is none.")

    @classmethod
    def of(cls, rule: ages.EntryRule, locale: Locale) -> "EntryRule":
        return cls(
            age_rating=rule.age_rating,
            minimum_age=rule.minimum_age,
            alone_from=rule.alone_from,
            accompanied_from=rule.accompanied_from,
            message=companions(rule.alone_from, rule.accompanied_from, locale),
        )


@strawberry.federation.type(
    shareable=True, description="Why a ticket was not let in. Facts are null where they do not belong to the reason."
)
class CheckInRefused(UserError):
    reason: CheckInRefusal = CheckInRefusal.NOT_FOUND
    opens_at: datetime | None = field(default=None)
    checked_in_at: datetime | None = field(default=None)
    checked_in_gate: str | None = field(default=None)
    session: Session | None = field(default=None)


async def check_in_refused(
    info: Info, reason: CheckInRefusal, where: str, ticket: ScannedTicket | None
) -> CheckInRefused:
    """``where``: ``qrPayload`` or ``code``."""
    portuguese, english = _SAID[reason]
    used, early = reason is _R.ALREADY_CHECKED_IN, reason is _R.TOO_EARLY
    return CheckInRefused(
        message=english if info.context.locale is Locale.EN else portuguese,
        code=_CODES.get(reason, ErrorCode.INVALID_STATE),
        field="sessionId" if reason is _R.WRONG_SESSION else where,
        reason=reason,
        opens_at=opens_at(ticket.starts_at) if ticket is not None and early else None,
        checked_in_at=ticket.checked_in_at if ticket is not None and used else None,
        checked_in_gate=ticket.checked_in_gate if ticket is not None and used else None,
        session=await session_of(info, ticket.session_id)
        if ticket is not None and reason is _R.WRONG_SESSION
        else None,
    )
