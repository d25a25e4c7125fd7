"""`payReservation`: checkout, concessions, payment; each step with its own key, so that all of it can be repeated."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
import strawberry
import structlog

from gateway.experience.checkout import NOTHING_TO_PAY, Chosen, PaymentOutcome, check_out
from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable, StoreUnavailable
from gateway.experience.ids import decode
from gateway.experience.reservation_entity import Reservation
from gateway.experience.reservation_request import KeyReused
from gateway.experience.resolvers.request_reservation import KEY
from gateway.experience.types import Payment
from gateway.experience.user_errors import ErrorCode, UserError, passed_on, refusal

log = structlog.get_logger(__name__)

MAX_ITEMS: Final = 20
MAX_PER_PRODUCT: Final = 20
# What a service calls a field of its input, and what it is called here.
_FIELDS: Final = {
    "reservationId": "reservationId",
    "items": "concessions",
    "card": "card",
    "card.paymentMethodId": "card.paymentMethodId",
    "method": "method",
    "idempotencyKey": "idempotencyKey",
}


@strawberry.enum
class PaymentMethod(Enum):
    PIX = "PIX"
    CARD = "CARD"


@strawberry.input
class CardInput:
    payment_method_id: str = strawberry.field(description="What the card company's form gave; never a card number.")


@strawberry.input
class ConcessionItemInput:
    product_id: strawberry.ID
    quantity: int = strawberry.field(description=f"1 to {MAX_PER_PRODUCT}")


@strawberry.input
class PayReservationInput:
    reservation_id: strawberry.ID
    method: PaymentMethod
    card: CardInput | None = strawberry.field(default=None, description="Required when the method is CARD.")
    concessions: list[ConcessionItemInput] | None = strawberry.field(
        default=None, description="To be paid and picked up with the tickets; replaces an earlier choice."
    )
    idempotency_key: str = strawberry.field(description="1 to 200 visible ASCII characters, such as a UUID.")


@strawberry.type
class PayReservationPayload:
    payment: Payment | None = None
    reservation: Reservation | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


async def pay_reservation(info: strawberry.Info[Context, None], input: PayReservationInput) -> PayReservationPayload:
    """The payment to be made or made. With errors nothing was and nothing will be charged."""
    context = info.context
    customer_id = context.customer_id
    if customer_id is None:
        return PayReservationPayload(errors=[refusal(context, ErrorCode.UNAUTHENTICATED)])
    chosen = _read(context, input)
    if not isinstance(chosen, Chosen):
        return PayReservationPayload(errors=[chosen])
    try:
        payment_id = await context.adapters.payments.claim(customer_id, input.idempotency_key, _hash(chosen))
        if payment_id is not None:
            return _paying(input.reservation_id, payment_id)
        outcome = await check_out(context, customer_id, chosen)
        if outcome.payment_id is not None and not outcome.errors and not outcome.in_doubt:
            await _conclude(context, customer_id, input.idempotency_key, outcome.payment_id)
    except KeyReused:
        error = refusal(context, ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey")
        return PayReservationPayload(errors=[error])
    except SourceRefused as exc:
        log.error("checkout_refused", source=exc.source, code=exc.code)
        return PayReservationPayload(errors=[refusal(context, ErrorCode.SERVICE_UNAVAILABLE)])
    except (SourceUnavailable, StoreUnavailable):
        return PayReservationPayload(errors=[refusal(context, ErrorCode.SERVICE_UNAVAILABLE)])
    return _payload(context, input, chosen, outcome)


def _read(context: Context, input: PayReservationInput) -> Chosen | UserError:
    reservation_id = decode("Reservation", input.reservation_id)
    if reservation_id is None:
        return refusal(context, ErrorCode.NOT_FOUND, "reservationId")
    if not KEY.fullmatch(input.idempotency_key):
        return refusal(context, ErrorCode.INVALID_INPUT, "idempotencyKey")
    card = input.card.payment_method_id if input.card is not None else None
    if (input.method is PaymentMethod.CARD) != (card is not None) or (card is not None and not 0 < len(card) <= 255):
        return refusal(context, ErrorCode.INVALID_INPUT, "card")
    items: Counter[UUID] = Counter()
    concessions = input.concessions or []
    if len(concessions) > MAX_ITEMS:
        return refusal(context, ErrorCode.INVALID_INPUT, "concessions")
    for index, item in enumerate(concessions):
        product_id = decode("Product", item.product_id)
        if product_id is None:
            return refusal(context, ErrorCode.NOT_FOUND, f"concessions.{index}.productId")
        items[product_id] += item.quantity
        if item.quantity < 1 or items[product_id] > MAX_PER_PRODUCT:
            return refusal(context, ErrorCode.INVALID_INPUT, f"concessions.{index}.quantity")
    return Chosen(
        reservation_id,
        input.method.value,
        card,
        tuple(sorted(items.items())),
        input.idempotency_key,
        asked_at=datetime.now(UTC),
    )


def _hash(chosen: Chosen) -> str:
    items = [[str(product), quantity] for product, quantity in chosen.items]
    asked: list[Any] = [str(chosen.reservation_id), chosen.method, chosen.card, items]
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


async def _conclude(context: Context, customer_id: UUID, key: str, payment_id: str) -> None:
    try:
        await context.adapters.payments.conclude(customer_id, key, payment_id)
    except StoreUnavailable:
        # The payment stands; a replay walks through the same steps to the same payment.
        log.warning("payment_result_not_recorded")


def _paying(reservation_id: strawberry.ID, payment_id: str) -> PayReservationPayload:
    return PayReservationPayload(payment=_payment(payment_id), reservation=Reservation(id=reservation_id))


def _payment(payment_id: str) -> Payment | None:
    return None if payment_id == NOTHING_TO_PAY else Payment(id=strawberry.ID(payment_id))


def _payload(
    context: Context, input: PayReservationInput, chosen: Chosen, outcome: PaymentOutcome
) -> PayReservationPayload:
    fields = _FIELDS | _places(input, chosen)
    payload = PayReservationPayload(errors=[passed_on(context, error, fields) for error in outcome.errors])
    if outcome.payment_id is not None:
        payload.payment = _payment(outcome.payment_id)
    if outcome.reservation_known:
        payload.reservation = Reservation(id=input.reservation_id)
    return payload


def _places(input: PayReservationInput, chosen: Chosen) -> dict[str, str]:
    """Where the client first names each product: concessions is asked for them in the order of their ids."""
    first: dict[UUID | None, int] = {}
    for index, item in enumerate(input.concessions or []):
        first.setdefault(decode("Product", item.product_id), index)
    return {f"items.{index}": f"concessions.{first[product]}" for index, (product, _) in enumerate(chosen.items)}
