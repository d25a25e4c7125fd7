"""The steps behind `payReservation`, over three services. Money is integer centavos.

The payment is recorded before it is submitted. Until its id is here, nothing can be charged, and an error says so; from
then on there is a payment to follow, whatever becomes of the answer to its submission.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import derived_key

log = structlog.get_logger(__name__)

_BEGIN: Final = """mutation BeginCheckout($input: BeginCheckoutInput!) {
  beginCheckout(input: $input) {
    checkout { totalMinor currency heldUntil venueId eventName sessionDay } errors { code message field } } }"""
_PROFILE: Final = "query BirthDate($id: ID!) { customerProfile(customerId: $id) { birthDate } }"
_PLACE: Final = """mutation PlaceConcessionOrder($input: PlaceConcessionOrderInput!) {
  placeConcessionOrder(input: $input) {
    order { totalMinor currency }
    errors { code message field ... on OutOfStock { productIds } ... on ProductAgeRestricted { productIds } } } }"""
_SETTLE_FREE: Final = """mutation SettleFreeReservation($input: SettleFreeReservationInput!) {
  settleFreeReservation(input: $input) { errors { code message field } } }"""
_PAY: Final = """mutation CreatePayment($input: CreatePaymentInput!) {
  createPayment(input: $input) { payment { id } errors { code message field } } }"""
_SUBMIT: Final = """mutation SubmitPayment($input: SubmitPaymentInput!) {
  submitPayment(input: $input) { payment { id } errors { code message field } } }"""

NOTHING_TO_PAY: Final = ""
"""Instead of a payment's id: the reservation is confirmed without one."""

_TO_ANSWER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the customer chose, and when (UTC).

    `items` are (product, quantity) in the order of their ids; `card` is a token or None.
    """

    reservation_id: UUID
    method: str
    card: str | None
    items: tuple[tuple[UUID, int], ...]
    idempotency_key: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """`errors` are payload errors as services give them; `reservation_known` says that it exists and is theirs.

    `payment_id` may be `NOTHING_TO_PAY`. `in_doubt`: the payment's submission was not answered; what became of it is
    found out by following the payment.
    """

    payment_id: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    reservation_known: bool = False
    in_doubt: bool = False


async def check_out(context: Context, customer_id: UUID, chosen: Chosen) -> PaymentOutcome:
    """Freezes the hold, reserves the concessions, records the payment and submits it.

    Raises SourceUnavailable and SourceRefused: nothing was and nothing will be charged.
    """
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
    total = checkout["totalMinor"] + (placed["order"]["totalMinor"] if placed["order"] is not None else 0)
    if total == 0:
        return await _settle_free(context, chosen)
    created = (await services.payments.ask(context, _PAY, {"input": _payment(customer_id, chosen, checkout, total)}))[
        "createPayment"
    ]
    if created["errors"] or created["payment"] is None:
        return _outcome(created)
    return await _submit(context, created["payment"]["id"])


async def _settle_free(context: Context, chosen: Chosen) -> PaymentOutcome:
    """Payments is not asked: there is nothing to pay."""
    given = {"input": {"reservationId": str(chosen.reservation_id)}}
    answer = await context.adapters.services.ticketing.ask(context, _SETTLE_FREE, given)
    errors = answer["settleFreeReservation"]["errors"]
    return PaymentOutcome(None if errors else NOTHING_TO_PAY, errors, reservation_known=True)


async def _submit(context: Context, payment_id: str) -> PaymentOutcome:
    left = context.deadline - asyncio.get_running_loop().time() - _TO_ANSWER_SECONDS
    payments = context.adapters.services.payments
    try:
        answer = await payments.ask(context, _SUBMIT, {"input": {"paymentId": payment_id}}, within=left)
    except (SourceUnavailable, SourceRefused) as exc:
        log.warning("submission_in_doubt", payment_id=payment_id, reason=str(exc))
        return PaymentOutcome(payment_id, reservation_known=True, in_doubt=True)
    return _outcome(answer["submitPayment"])


def _outcome(payload: dict[str, Any]) -> PaymentOutcome:
    payment = payload["payment"]
    return PaymentOutcome(payment["id"] if payment is not None else None, payload["errors"], reservation_known=True)


async def _place_concessions(
    context: Context, customer_id: UUID, chosen: Chosen, checkout: dict[str, Any]
) -> dict[str, Any]:
    """{order, errors}. Without items, an order placed by an earlier try is taken back."""
    wanted: dict[str, Any] = {
        "reservationId": str(chosen.reservation_id),
        "venueId": checkout["venueId"],
        "sessionDay": checkout["sessionDay"],
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


def _payment(customer_id: UUID, chosen: Chosen, checkout: dict[str, Any], total_minor: int) -> dict[str, Any]:
    return {
        "reference": f"reservation:{chosen.reservation_id}",
        "amountMinor": total_minor,
        "currency": checkout["currency"],
        "method": chosen.method,
        "card": None if chosen.card is None else {"paymentMethodId": chosen.card},
        "description": checkout["eventName"][:140],
        "expiresAt": checkout["heldUntil"],
        "idempotencyKey": derived_key(customer_id, chosen.idempotency_key, "payment"),
        "askedAt": chosen.asked_at.isoformat(),
    }
