"""What buyers and gates may change."""

from typing import Any

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import ErrorCode, UserError, user_error
from subgraphs.chassis.idempotency import KeyReused, key_is_valid, request_hash, run_once
from subgraphs.ticketing.domain.ticket_qr import MAX_PAYLOAD_LENGTH
from subgraphs.ticketing.operations.internal_mutations import InternalMutation
from subgraphs.ticketing.operations.reconciliation import ReconciliationMutation
from subgraphs.ticketing.repositories import tickets
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types.reservations import Reservation, Ticket
from subgraphs.ticketing.use_cases.cancel_reservation import CancelRefused, cancel_reservation
from subgraphs.ticketing.use_cases.check_in_ticket import CheckInRefused, check_in_ticket

GATE_SCOPES = frozenset({"gate", "operator"})


@strawberry.input
class CancelReservationInput:
    reservation_id: strawberry.ID
    idempotency_key: str = strawberry.field(description="1 to 200 visible characters, such as a UUID.")


@strawberry.type
class CancelReservationPayload:
    reservation: Reservation | None
    errors: list[UserError]


@strawberry.input
class CheckInTicketInput:
    qr_payload: str


@strawberry.type
class CheckInTicketPayload:
    ticket: Ticket | None
    errors: list[UserError]


_CHECK_IN_CODES = {
    CheckInRefused.FORGED: ErrorCode.INVALID_INPUT,
    CheckInRefused.UNKNOWN: ErrorCode.NOT_FOUND,
    CheckInRefused.ALREADY_CHECKED_IN: ErrorCode.INVALID_STATE,
    CheckInRefused.NOT_LIVE: ErrorCode.INVALID_STATE,
}


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

    @strawberry.field(description="Lets a ticket in, exactly once; for the people at the gate.")
    async def check_in_ticket(self, info: Info, input: CheckInTicketInput) -> CheckInTicketPayload:
        identity = info.context.identity
        if identity.customer_id is None:
            return _not_checked_in(info, ErrorCode.UNAUTHENTICATED)
        if not identity.scopes & GATE_SCOPES:
            return _not_checked_in(info, ErrorCode.FORBIDDEN)
        if len(input.qr_payload) > MAX_PAYLOAD_LENGTH:
            return _not_checked_in(info, ErrorCode.INVALID_INPUT, "qrPayload")
        async with info.context.database.transaction() as connection:
            outcome = await check_in_ticket(connection, resources_of(info.context).signer, input.qr_payload)
            if isinstance(outcome, CheckInRefused):
                return _not_checked_in(info, _CHECK_IN_CODES[outcome], "qrPayload")
            found = await tickets.by_ids(connection, [outcome], None)
        return CheckInTicketPayload(ticket=Ticket.of(found[outcome]), errors=[])


def _not_cancelled(info: Info, code: ErrorCode, field: str | None = None) -> CancelReservationPayload:
    return CancelReservationPayload(reservation=None, errors=[user_error(info, code, field)])


def _not_checked_in(info: Info, code: ErrorCode, field: str | None = None) -> CheckInTicketPayload:
    return CheckInTicketPayload(ticket=None, errors=[user_error(info, code, field)])
