"""What buyers and gates may change."""

from typing import Any
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import ErrorCode, UserError, user_error
from subgraphs.chassis.idempotency import KeyReused, key_is_valid, request_hash, run_once
from subgraphs.ticketing.domain.gate import MAX_GATE_LENGTH, CheckInRefusal
from subgraphs.ticketing.operations.internal_mutations import InternalMutation
from subgraphs.ticketing.operations.reconciliation import ReconciliationMutation
from subgraphs.ticketing.repositories import tickets
from subgraphs.ticketing.repositories.tickets import TicketRow
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types.gate import EntryRule, check_in_refused
from subgraphs.ticketing.types.reservations import Reservation, Ticket
from subgraphs.ticketing.use_cases.cancel_reservation import CancelRefused, cancel_reservation
from subgraphs.ticketing.use_cases.check_in_ticket import (
    CheckedIn,
    CheckInRefused,
    Gate,
    check_in_code,
    check_in_qr,
)

GATE_SCOPES = frozenset({"gate", "operator"})


@strawberry.input
class CancelReservationInput:
    reservation_id: strawberry.ID
    idempotency_key: str = strawberry.field(description="1 to 200 visible characters, such as a UUID.")


@strawberry.type
class CancelReservationPayload:
    reservation: Reservation | None
    errors: list[UserError]


@strawberry.input(description="The ticket by `qrPayload` or, when the QR does not scan, by its `code`.")
class CheckInTicketInput:
    session_id: strawberry.ID = strawberry.field(description="The session that the gate lets in for.")
    gate: str = strawberry.field(description="Which gate, 1 to 40 characters: told when the ticket is shown again.")
    qr_payload: str | None = None
    code: str | None = strawberry.field(
        default=None, description="Case, blanks, dashes and look-alikes (O for 0, I and L for 1) do not matter."
    )


@strawberry.type
class CheckInTicketPayload:
    ticket: Ticket | None
    errors: list[UserError]
    entry_rule: EntryRule | None = strawberry.field(
        default=None, description="By which to check the document of whoever has been let in."
    )


@strawberry.type
class Mutation(InternalMutation, ReconciliationMutation):
    @strawberry.field(
        description="Gives a hold back, or bought tickets before the session begins; what was paid is then refunded."
    )
    async def cancel_reservation(self, info: Info, input: CancelReservationInput) -> CancelReservationPayload:
        customer_id = info.context.customer_id
        if customer_id is None:
            return _not_cancelled(info, ErrorCode.UNAUTHENTICATED)
        if not key_is_valid(input.idempotency_key):
            return _not_cancelled(info, ErrorCode.INVALID_INPUT, "idempotencyKey")
        reservation_id = global_id.decode("Reservation", input.reservation_id)
        if reservation_id is None:
            return _not_cancelled(info, ErrorCode.NOT_FOUND, "reservationId")
        async with info.context.database.transaction() as connection:

            async def cancel() -> dict[str, Any]:
                outcome = await cancel_reservation(connection, reservation_id, customer_id)
                return {"refused": outcome.value if isinstance(outcome, CancelRefused) else None}

            stored = await run_once(
                connection,
                f"cancel_reservation:{customer_id}",
                input.idempotency_key,
                request_hash({"reservation_id": reservation_id}),
                cancel,
            )
        if isinstance(stored, KeyReused):
            return _not_cancelled(info, ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey")
        if stored["refused"] is not None:
            return _not_cancelled(info, ErrorCode(stored["refused"]), "reservationId")
        return CancelReservationPayload(
            reservation=await Reservation.resolve_reference(info, input.reservation_id), errors=[]
        )

    @strawberry.field(
        description="Lets a ticket in, exactly once, from three hours before its session until twelve hours after its"
        " beginning; for the people at the gate."
    )
    async def check_in_ticket(self, info: Info, input: CheckInTicketInput) -> CheckInTicketPayload:
        identity = info.context.identity
        if identity.customer_id is None:
            return _not_checked_in(user_error(info, ErrorCode.UNAUTHENTICATED))
        if not identity.scopes & GATE_SCOPES:
            return _not_checked_in(user_error(info, ErrorCode.FORBIDDEN))
        session_id = global_id.decode("Session", input.session_id)
        if session_id is None:
            return _not_checked_in(user_error(info, ErrorCode.NOT_FOUND, "sessionId"))
        name = " ".join(input.gate.split())
        if not 1 <= len(name) <= MAX_GATE_LENGTH or not name.isprintable():
            return _not_checked_in(user_error(info, ErrorCode.INVALID_INPUT, "gate"))
        if (input.qr_payload is None) is (input.code is None):
            return _not_checked_in(user_error(info, ErrorCode.INVALID_INPUT, "qrPayload"))
        where = "code" if input.qr_payload is None else "qrPayload"
        outcome, found = await _check_in(info, Gate(session_id, name, identity.customer_id), input)
        if isinstance(outcome, CheckInRefused):
            return _not_checked_in(await check_in_refused(info, outcome.reason, where, outcome.ticket))
        ticket = Ticket.of(found[outcome.ticket_id])
        return CheckInTicketPayload(
            ticket=ticket, errors=[], entry_rule=EntryRule.of(outcome.entry, info.context.locale)
        )


async def _check_in(
    info: Info, gate: Gate, input: CheckInTicketInput
) -> tuple[CheckedIn | CheckInRefused, dict[UUID, TicketRow]]:
    claims = resources_of(info.context).signer.verify(input.qr_payload) if input.qr_payload is not None else None
    if input.qr_payload is not None and claims is None:
        return CheckInRefused(CheckInRefusal.FORGED), {}
    async with info.context.database.transaction() as connection:
        if claims is not None:
            outcome = await check_in_qr(connection, gate, claims)
        else:
            outcome = await check_in_code(connection, gate, input.code or "")
        if isinstance(outcome, CheckInRefused):
            return outcome, {}
        return outcome, await tickets.by_ids(connection, [outcome.ticket_id], None)


def _not_cancelled(info: Info, code: ErrorCode, field: str | None = None) -> CancelReservationPayload:
    return CancelReservationPayload(reservation=None, errors=[user_error(info, code, field)])


def _not_checked_in(error: UserError) -> CheckInTicketPayload:
    return CheckInTicketPayload(ticket=None, errors=[error])
