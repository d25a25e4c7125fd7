"""The steps behind `payReservation`, over three services. Money is integer centavos."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import derived_key

_BEGIN: Final = """mutation BeginCheckout($input: BeginCheckoutInput!) {
  beginCheckout(input: $input) {
    checkout { totalMinor currency heldUntil venueId eventName } errors { code message field } } }"""
_PROFILE: Final = "query BirthDate($id: ID!) { customerProfile(customerId: $id) { birthDate } }"
_PLACE: Final = """mutation PlaceConcessionOrder($input: PlaceConcessionOrderInput!) {
  placeConcessionOrder(input: $input) {
    order { totalMinor currency }
    errors { code message field ... on OutOfStock { productIds } ... on ProductAgeRestricted { productIds } } } }"""
_PAY: Final = """mutation CreatePayment($input: CreatePaymentInput!) {
  createPayment(input: $input) { payment { id } errors { code message field } } }"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the customer chose: `items` are (product, quantity) in the order of their ids; `card` a token or None."""

    reservation_id: UUID
    method: str
    card: str | None
    items: tuple[tuple[UUID, int], ...]
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """`errors` are payload errors as services give them; `reservation_known` says that it exists and is theirs."""

    payment_id: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    reservation_known: bool = False


async def check_out(context: Context, customer_id: UUID, chosen: Chosen) -> PaymentOutcome:
    """Freezes the hold, reserves the concessions, creates the payment. Raises SourceUnavailable and SourceRefused."""
    services = context.adapters.services
    begun = (await services.ticketing.ask(context, _BEGIN, {"input": {"reservationId": str(chosen.reservation_id)}}))[
        "beginCheckout"
    ]
    checkout = begun["checkout"]
    if begun["errors"] or checkout is None:
        return PaymentOutcome(errors=begun["errors"] or [{"code": "NOT_FOUND"}])
    placed = await _place_concessions(context, customer_id, chosen, checkout)
    if placed["errors"]:
        return PaymentOutcome(errors=placed["errors"], reservation_known=True)
    concessions = placed["order"]["totalMinor"] if placed["order"] is not None else 0
    created = (
        await services.payments.ask(context, _PAY, {"input": _payment(customer_id, chosen, checkout, concessions)})
    )["createPayment"]
    payment = created["payment"]
    return PaymentOutcome(payment["id"] if payment is not None else None, created["errors"], reservation_known=True)


async def _place_concessions(
    context: Context, customer_id: UUID, chosen: Chosen, checkout: dict[str, Any]
) -> dict[str, Any]:
    """{order, errors}. Without items, an order placed by an earlier try is taken back."""
    wanted: dict[str, Any] = {
        "reservationId": str(chosen.reservation_id),
        "venueId": checkout["venueId"],
        "heldUntil": checkout["heldUntil"],
        "items": [{"productId": str(product), "quantity": quantity} for product, quantity in chosen.items],
        "idempotencyKey": derived_key(customer_id, chosen.idempotency_key, "concessions"),
    }
    if chosen.items:
        wanted["birthDate"] = await _birth_date(context, customer_id)
    try:
        answer = await context.adapters.services.concessions.ask(context, _PLACE, {"input": wanted})
    except SourceUnavailable:
        if chosen.items:
            raise
        # Tickets can be paid without concessions. An earlier order, if there is one, is not confirmed by a payment
        # that does not cover it.
        return {"order": None, "errors": []}
    placed: dict[str, Any] = answer["placeConcessionOrder"]
    return placed


async def _birth_date(context: Context, customer_id: UUID) -> str | None:
    """None when it cannot be had: products with a minimum age are then not sold."""
    try:
        answer = await context.adapters.services.customers.ask(context, _PROFILE, {"id": str(customer_id)})
    except (SourceUnavailable, SourceRefused):
        return None
    profile = answer["customerProfile"]
    return None if profile is None else profile["birthDate"]


def _payment(customer_id: UUID, chosen: Chosen, checkout: dict[str, Any], concessions_minor: int) -> dict[str, Any]:
    return {
        "reference": f"reservation:{chosen.reservation_id}",
        "amountMinor": checkout["totalMinor"] + concessions_minor,
        "currency": checkout["currency"],
        "method": chosen.method,
        "card": None if chosen.card is None else {"paymentMethodId": chosen.card},
        "description": checkout["eventName"][:140],
        "expiresAt": checkout["heldUntil"],
        "idempotencyKey": derived_key(customer_id, chosen.idempotency_key, "payment"),
    }
