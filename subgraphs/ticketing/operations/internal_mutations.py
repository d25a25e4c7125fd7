"""What the workers and the gateway's checkout ask for: none of it is in the public schema."""

from collections.abc import Sequence
from datetime import UTC, datetime

import strawberry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import metrics
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import GATEWAY, internal_only
from subgraphs.chassis.graphql.types import Currency, ErrorCode, user_error
from subgraphs.chassis.idempotency import key_is_valid
from subgraphs.ticketing.domain import allocation
from subgraphs.ticketing.domain.ages import day_at
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.domain.ticket_qr import TicketSigner
from subgraphs.ticketing.repositories import reservation_lists, tickets, units
from subgraphs.ticketing.repositories.reservation_lists import what_is_reserved
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types import internal
from subgraphs.ticketing.types.enums import ExpireOutcome
from subgraphs.ticketing.types.internal import raw_id
from subgraphs.ticketing.types.queue_number import queue_number
from subgraphs.ticketing.use_cases.allocate_batch import allocate_batch
from subgraphs.ticketing.use_cases.begin_checkout import CheckoutRefused, begin_checkout
from subgraphs.ticketing.use_cases.confirm_reservation import ConfirmStatus, Settlement, confirm_reservation
from subgraphs.ticketing.use_cases.expire_reservation import expire_reservation
from subgraphs.ticketing.use_cases.settle_free_reservation import settle_free_reservation
from subgraphs.ticketing.use_cases.sweep_expired_holds import MAX_SWEEP, sweep_expired_holds


@strawberry.type
class InternalMutation:
    @strawberry.federation.field(
        inaccessible=True, description="At most ten, decided in their order and in one transaction."
    )
    async def allocate_reservations(
        self, info: Info, requests: list[internal.AllocationRequest]
    ) -> list[internal.AllocationOutcome]:
        internal_only(info)
        if len(requests) > allocation.MAX_BATCH:
            raise BadInput(f"More than {allocation.MAX_BATCH} requests.")
        wanted = [_request(request) for request in requests]
        if not wanted:
            return []
        return await _decide(info, wanted)

    @strawberry.federation.field(
        inaccessible=True, description="Ends a request that cannot be served; one that was decided keeps its outcome."
    )
    async def fail_reservation_request(self, info: Info, request: internal.FailedRequest) -> internal.AllocationOutcome:
        internal_only(info)
        [outcome] = await _decide(info, [_failed(request)], allocation.not_served())
        return outcome

    @strawberry.federation.field(inaccessible=True, description="A payment has arrived. Again: the same answer.")
    async def confirm_reservation(self, info: Info, input: internal.ConfirmReservationInput) -> internal.ConfirmOutcome:
        internal_only(info)
        reservation_id, customer_id = raw_id(input.reservation_id), raw_id(input.customer_id)
        payment_id = None if input.payment_id is None else raw_id(input.payment_id)
        settlement = Settlement(payment_id, input.amount_minor, input.currency.value)
        async with info.context.database.transaction() as connection:
            status, _ = await confirm_reservation(connection, reservation_id, customer_id, settlement)
            if status is not ConfirmStatus.CONFIRMED:
                return internal.ConfirmOutcome(status=status, order=None)
            found = await reservation_lists.reservations_of_customers(connection, [(reservation_id, customer_id)])
            order = await _order(connection, found[reservation_id][0], resources_of(info.context).signer)
        return internal.ConfirmOutcome(status=status, order=order)

    @strawberry.federation.field(inaccessible=True, description="Ends a hold that is over; HELD when it is not yet.")
    async def expire_reservation(
        self, info: Info, input: internal.ExpireReservationInput
    ) -> internal.ExpireReservationOutcome:
        internal_only(info)
        async with info.context.database.transaction() as connection:
            outcome, ended = await expire_reservation(
                connection, raw_id(input.reservation_id), raw_id(input.customer_id)
            )
        _count_expired(int(ended and outcome is ExpireOutcome.EXPIRED))
        return internal.ExpireReservationOutcome(status=outcome)

    @strawberry.federation.field(inaccessible=True, description="Tidies up holds that are over; how many (1 to 500).")
    async def sweep_expired_holds(self, info: Info, limit: int = MAX_SWEEP) -> int:
        internal_only(info)
        if not 1 <= limit <= MAX_SWEEP:
            raise BadInput(f"'limit' must be between 1 and {MAX_SWEEP}.")
        async with info.context.database.transaction() as connection:
            swept = await sweep_expired_holds(connection, limit)
        _count_expired(swept)
        return swept

    @strawberry.federation.field(inaccessible=True, description="The buyer goes to pay. Again: the same answer.")
    async def begin_checkout(self, info: Info, input: internal.BeginCheckoutInput) -> internal.BeginCheckoutPayload:
        internal_only(info, GATEWAY)
        customer_id = info.context.customer_id
        if customer_id is None:
            return internal.BeginCheckoutPayload(checkout=None, errors=[user_error(info, ErrorCode.UNAUTHENTICATED)])
        reservation_id = raw_id(input.reservation_id)
        async with info.context.database.transaction() as connection:
            outcome = await begin_checkout(connection, reservation_id, customer_id)
            if isinstance(outcome, CheckoutRefused):
                error = user_error(info, ErrorCode(outcome.value), "reservationId")
                return internal.BeginCheckoutPayload(checkout=None, errors=[error])
            checkout = await _checkout(connection, outcome)
        return internal.BeginCheckoutPayload(checkout=checkout, errors=[])

    @strawberry.federation.field(
        inaccessible=True, description="The buyer takes what costs nothing; it is confirmed soon. Again: the same."
    )
    async def settle_free_reservation(
        self, info: Info, input: internal.SettleFreeReservationInput
    ) -> internal.SettleFreeReservationPayload:
        internal_only(info, GATEWAY)
        customer_id = info.context.customer_id
        if customer_id is None:
            return internal.SettleFreeReservationPayload(errors=[user_error(info, ErrorCode.UNAUTHENTICATED)])
        async with info.context.database.transaction() as connection:
            refused = await settle_free_reservation(connection, raw_id(input.reservation_id), customer_id)
        errors = [] if refused is None else [user_error(info, ErrorCode(refused.value), "reservationId")]
        return internal.SettleFreeReservationPayload(errors=errors)


async def _decide(
    info: Info, wanted: Sequence[allocation.AllocationRequest], refusal: allocation.Rejection | None = None
) -> list[internal.AllocationOutcome]:
    try:
        async with info.context.database.transaction() as connection:
            result = await allocate_batch(connection, wanted, refusal=refusal)
    except IntegrityError:
        # The same request was decided for another sector at this very moment; now its outcome is stored.
        async with info.context.database.transaction() as connection:
            result = await allocate_batch(connection, wanted, refusal=refusal)
    for outcome in result.outcomes:
        if not outcome.replayed and outcome.status is not ReservationStatus.QUEUED:
            metrics.count("Reservations", Status=outcome.status.value)
    _count_expired(result.expired)
    return [
        internal.AllocationOutcome(
            reservation_id=strawberry.ID(str(outcome.reservation_id)),
            status=outcome.status,
            held_until=outcome.held_until,
        )
        for outcome in result.outcomes
    ]


def _count_expired(number: int) -> None:
    if number:
        metrics.count("ReservationsExpired", number)


def _request(given: internal.AllocationRequest) -> allocation.AllocationRequest:
    """What cannot be kept as a reservation at all is refused as a whole; the rest is decided, also as a rejection."""
    if not key_is_valid(given.idempotency_key):
        raise BadInput("'idempotencyKey' must be 1 to 200 printable characters.")
    if given.requested_at.tzinfo is None:
        raise BadInput("'requestedAt' needs a time zone.")
    sequence = queue_number(given.sequence)
    if given.seat_ids is not None and len(given.seat_ids) > 10 * allocation.MAX_QUANTITY:
        raise BadInput("'seatIds' are too many.")
    return allocation.AllocationRequest(
        reservation_id=raw_id(given.reservation_id),
        customer_id=raw_id(given.customer_id),
        session_id=raw_id(given.session_id),
        sector_id=raw_id(given.sector_id),
        quantity=given.quantity,
        seat_ids=tuple(raw_id(seat) for seat in given.seat_ids) if given.seat_ids is not None else None,
        idempotency_key=given.idempotency_key,
        requested_at=given.requested_at,
        sequence=sequence,
        buyer=allocation.Buyer(given.buyer.birth_date) if given.buyer is not None else None,
    )


def _failed(given: internal.FailedRequest) -> allocation.AllocationRequest:
    """Whatever was asked for can be ended; a key that could not be kept is replaced by the id that it has led to."""
    key = given.idempotency_key if key_is_valid(given.idempotency_key) else given.reservation_id
    return allocation.AllocationRequest(
        reservation_id=raw_id(given.reservation_id),
        customer_id=raw_id(given.customer_id),
        session_id=raw_id(given.session_id),
        sector_id=raw_id(given.sector_id),
        quantity=given.quantity,
        seat_ids=None,
        idempotency_key=key,
        requested_at=datetime.now(UTC),
        sequence=0,
    )


async def _checkout(connection: AsyncConnection, reservation: Reservation) -> internal.Checkout:
    about = await what_is_reserved(connection, reservation.session_id)
    if about is None or reservation.held_until is None:
        raise LookupError(f"reservation {reservation.id} holds units of no session")
    return internal.Checkout(
        reservation_id=strawberry.ID(str(reservation.id)),
        total_minor=reservation.total_minor,
        currency=Currency(reservation.currency),
        held_until=reservation.held_until,
        venue_id=strawberry.ID(str(about.venue_id)),
        session_id=strawberry.ID(str(about.session_id)),
        event_id=strawberry.ID(str(about.event_id)),
        event_name=about.event_name,
        session_day=day_at(about.starts_at, about.time_zone),
    )


async def _order(
    connection: AsyncConnection, reservation: Reservation, signer: TicketSigner
) -> internal.ConfirmedOrder:
    about = await what_is_reserved(connection, reservation.session_id)
    if about is None:
        raise LookupError(f"reservation {reservation.id} sold units of no session")
    issued = await tickets.of_reservations(connection, [reservation.id], reservation.customer_id)
    bought = await units.units_of_reservations(connection, [reservation.id])
    return internal.ConfirmedOrder(
        event_id=strawberry.ID(str(about.event_id)),
        event_name=about.event_name,
        session_id=strawberry.ID(str(about.session_id)),
        venue_name=about.venue_name,
        starts_at=about.starts_at,
        time_zone=about.time_zone,
        units=[unit.label for unit in bought[reservation.id]],
        tickets=[
            internal.ConfirmedTicket(
                id=strawberry.ID(str(ticket.id)), code=ticket.code, qr_payload=signer.sign(ticket.claims)
            )
            for ticket in issued[reservation.id]
        ],
        total_minor=reservation.total_minor,
        currency=Currency(reservation.currency),
    )
