"""`requestReservation`: takes a place in the queue, whether ticketing is up or not."""

import re
from typing import Final
from uuid import UUID

import strawberry

from gateway.experience.context import Context
from gateway.experience.errors import QueueUnavailable, SourceRefused, SourceUnavailable, StoreUnavailable
from gateway.experience.ids import decode, encode, reservation_id
from gateway.experience.queue_position import PlaceInLine
from gateway.experience.reservation_entity import Reservation, ReservationStatus
from gateway.experience.reservation_request import KeyReused, Recorded, ReservationRequest
from gateway.experience.user_errors import ErrorCode, UserError, refusal

MAX_QUANTITY: Final = 10
POLL_AFTER_MS: Final = 1_000
KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")

_STATUS: Final = "query Status($id: ID!) { reservation(id: $id) { status queuePosition pollAfterMs } }"


@strawberry.input
class RequestReservationInput:
    session_id: strawberry.ID
    sector_id: strawberry.ID
    quantity: int = strawberry.field(description=f"1 to {MAX_QUANTITY}")
    seat_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="As many as the quantity; null leaves the choice to us."
    )
    idempotency_key: str = strawberry.field(description="1 to 200 visible ASCII characters, such as a UUID.")


@strawberry.type
class RequestReservationPayload:
    reservation: Reservation | None = strawberry.federation.field(
        provides=["status queuePosition pollAfterMs"], default=None
    )
    errors: list[UserError] = strawberry.field(default_factory=list)


async def request_reservation(
    info: strawberry.Info[Context, None], input: RequestReservationInput
) -> RequestReservationPayload:
    """Answered QUEUED at once; a replay is answered with the state that the reservation has by now."""
    context = info.context
    request = _read(context, input)
    if not isinstance(request, ReservationRequest):
        return RequestReservationPayload(errors=[request])
    try:
        recorded = await context.adapters.queue.enqueue(request)
    except KeyReused:
        return _refuse(context, ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey")
    except (StoreUnavailable, QueueUnavailable):
        return _refuse(context, ErrorCode.SERVICE_UNAVAILABLE)
    # Counted when it goes on the queue: a refusing queue does not count, the try after it does.
    if not recorded.queued_before:
        context.adapters.metrics.count("ReservationsRequested")
    return RequestReservationPayload(reservation=await _present(context, recorded))


def _read(context: Context, input: RequestReservationInput) -> ReservationRequest | UserError:
    if context.customer_id is None:
        return refusal(context, ErrorCode.UNAUTHENTICATED)
    session_id = decode("Session", input.session_id)
    if session_id is None:
        return refusal(context, ErrorCode.INVALID_INPUT, "sessionId")
    sector_id = decode("Sector", input.sector_id)
    if sector_id is None:
        return refusal(context, ErrorCode.INVALID_INPUT, "sectorId")
    if not 1 <= input.quantity <= MAX_QUANTITY:
        return refusal(context, ErrorCode.INVALID_INPUT, "quantity")
    if not KEY.fullmatch(input.idempotency_key):
        return refusal(context, ErrorCode.INVALID_INPUT, "idempotencyKey")
    seat_ids: tuple[UUID, ...] | None = None
    if input.seat_ids is not None:
        decoded = [decode("Unit", seat_id) for seat_id in input.seat_ids[: MAX_QUANTITY + 1]]
        seat_ids = tuple(seat for seat in decoded if seat is not None)
        if not len(set(seat_ids)) == len(input.seat_ids) == input.quantity:
            return refusal(context, ErrorCode.INVALID_INPUT, "seatIds")
    return ReservationRequest(
        reservation_id=reservation_id(context.customer_id, input.idempotency_key),
        customer_id=context.customer_id,
        idempotency_key=input.idempotency_key,
        session_id=session_id,
        sector_id=sector_id,
        quantity=input.quantity,
        seat_ids=seat_ids,
    )


def _refuse(context: Context, code: ErrorCode, field: str | None = None) -> RequestReservationPayload:
    return RequestReservationPayload(errors=[refusal(context, code, field)])


async def _present(context: Context, recorded: Recorded) -> Reservation:
    global_id = encode("Reservation", recorded.request.reservation_id)
    if recorded.queued_before:
        known = await _ask_ticketing(context, global_id)
        if known is not None:
            return known
    return Reservation(
        id=strawberry.ID(global_id),
        status=ReservationStatus.QUEUED,
        place=_place(recorded),
        poll_after_ms=POLL_AFTER_MS,
    )


def _place(recorded: Recorded) -> PlaceInLine | None:
    request, sequence = recorded.request, recorded.sequence
    return None if sequence is None else PlaceInLine(request.session_id, request.sector_id, sequence)


async def _ask_ticketing(context: Context, global_id: str) -> Reservation | None:
    try:
        answer = await context.adapters.services.ticketing.ask(context, _STATUS, {"id": global_id})
    except (SourceUnavailable, SourceRefused):
        return None
    found = answer.get("reservation")
    if found is None:
        return None
    return Reservation(
        id=strawberry.ID(global_id),
        status=ReservationStatus(found["status"]),
        place=found["queuePosition"],
        poll_after_ms=found["pollAfterMs"],
    )
