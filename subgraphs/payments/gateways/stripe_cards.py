"""Cards through Stripe PaymentIntents, with the official SDK over httpx.

An intent is created unconfirmed, so that its id is stored before it can take money, and confirmed afterwards.
Authentication in the payer's browser (3-D Secure) is declined rather than started: ``error_on_requires_action``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

import httpx
import msgspec
import stripe

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.refunds import Refund, RefundStatus
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayAnswerInvalid, GatewayRefused, WebhookRefused
from subgraphs.payments.gateways.port import Charge, Notice, RefundReport, refund_submission_id
from subgraphs.payments.gateways.stripe_faults import mapped_faults
from subgraphs.payments.gateways.stripe_messages import Event, LatestCharge, PaymentError, PaymentIntent
from subgraphs.payments.gateways.stripe_messages import Refund as StripeRefund

PROVIDER: Final = "stripe"
TIMEOUT: Final = httpx.Timeout(4.0, connect=1.0)
NETWORK_RETRIES: Final = 1
TOLERANCE_S: Final = 300
MAX_REFUNDS: Final = 100

T = TypeVar("T")

_DECLINES: Final = {
    "insufficient_funds": FailureCode.INSUFFICIENT_FUNDS,
    "expired_card": FailureCode.EXPIRED_CARD,
    "incorrect_cvc": FailureCode.INCORRECT_CARD,
    "incorrect_number": FailureCode.INCORRECT_CARD,
    "invalid_number": FailureCode.INCORRECT_CARD,
    "authentication_required": FailureCode.AUTHENTICATION_REQUIRED,
}
_REFUND_STATUS: Final = {
    "pending": RefundStatus.SUBMITTED,
    "requires_action": RefundStatus.SUBMITTED,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def make_client(
    api_key: str, api_base: str, *, timeout: httpx.Timeout = TIMEOUT
) -> tuple[stripe.StripeClient, stripe.HTTPXClient]:
    """The SDK's client and its HTTP client, which its maker closes with ``close_async()``."""
    http_client = stripe.HTTPXClient(timeout=timeout)
    client = stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base.rstrip("/")},
        http_client=http_client,
        max_network_retries=NETWORK_RETRIES,
    )
    return client, http_client


class StripeGateway:
    provider = PROVIDER
    least_minor = 50  # R$ 0,50: docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
    takes_money = True

    def __init__(self, client: stripe.StripeClient, *, webhook_secret: str) -> None:
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._webhook_secret = webhook_secret

    async def open_charge(self, payment: Payment) -> str:
        if payment.card_token is None:
            raise GatewayRefused(PROVIDER, "no card was given")
        with mapped_faults(PROVIDER):
            try:
                intent = await self._intents.create_async(
                    {
                        "amount": payment.amount_minor,
                        "currency": "brl",
                        "payment_method": payment.card_token,
                        "allowed_payment_method_types": ["card"],
                        "description": payment.description or payment.reference,
                        "metadata": {"payment_id": str(payment.id), "reference": payment.reference},
                    },
                    {"idempotency_key": f"{payment.id}:open"},
                )
            except stripe.CardError as exc:
                raise GatewayRefused(PROVIDER, "the card was refused before it was charged") from exc
        return _intent(intent).id

    async def submit_charge(self, payment: Payment, now: datetime) -> Charge:
        with mapped_faults(PROVIDER):
            try:
                intent = await self._intents.confirm_async(
                    _reference(payment),
                    {"error_on_requires_action": True, "expand": ["latest_charge"]},
                    {"idempotency_key": f"{payment.id}:confirm"},
                )
            except stripe.CardError as exc:
                decline = PaymentError(code=exc.code, decline_code=_decline_code(exc))
                return Charge(_reference(payment), PaymentStatus.FAILED, failure_code=_failure(decline))
            except (stripe.InvalidRequestError, stripe.IdempotencyError):
                # It was confirmed before and our memory of it was lost: what it is now is the answer.
                found = await self.find_charge(payment)
                if found is None:
                    raise
                return found
        return _submitted(payment, _intent(intent))

    async def find_charge(self, payment: Payment) -> Charge | None:
        if payment.provider_reference is None:
            return None
        with mapped_faults(PROVIDER):
            try:
                intent = await self._intents.retrieve_async(payment.provider_reference, {"expand": ["latest_charge"]})
            except stripe.InvalidRequestError as exc:
                if exc.http_status == 404:
                    return None
                raise
        return _charge(payment, _intent(intent))

    async def cancel_charge(self, payment: Payment) -> Charge | None:
        if payment.provider_reference is None:
            return None
        with mapped_faults(PROVIDER):
            try:
                intent = await self._intents.cancel_async(payment.provider_reference)
            except stripe.InvalidRequestError:
                # Taken, cancelled already, or never there: Stripe knows which.
                return await self.find_charge(payment)
        return _charge(payment, _intent(intent))

    async def submit_refund(self, payment: Payment, refund: Refund) -> RefundReport:
        submission = refund_submission_id(refund.id, refund.attempt)
        with mapped_faults(PROVIDER):
            try:
                made = await self._refunds.create_async(
                    {
                        "payment_intent": _reference(payment),
                        "amount": refund.amount_minor,
                        "metadata": {"refund_submission": submission},
                    },
                    {"idempotency_key": submission},
                )
            except stripe.CardError as exc:
                raise GatewayRefused(PROVIDER, "the refund was declined") from exc
        return _refund_report(_convert(made, StripeRefund))

    async def find_refund(self, payment: Payment, refund: Refund) -> RefundReport | None:
        """Refunds carry our name for the submission: a list is consistent, a search is not."""
        submission = refund_submission_id(refund.id, refund.attempt)
        with mapped_faults(PROVIDER):
            found = await self._refunds.list_async({"payment_intent": _reference(payment), "limit": MAX_REFUNDS})
        for item in found.data:
            made = _convert(item, StripeRefund)
            if made.metadata.get("refund_submission") == submission:
                return _refund_report(made)
        return None

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> list[Notice]:
        _verify(body, headers.get("stripe-signature"), self._webhook_secret, now)
        try:
            event = msgspec.json.decode(body, type=Event)
            if not (1 <= len(event.id) <= 200 and event.id.isprintable() and event.type.isprintable()):
                raise WebhookRefused("event id or type is not one of Stripe's")
            if event.type.startswith("payment_intent."):
                intent = msgspec.json.decode(event.data.object, type=PaymentIntent)
                return [Notice(PROVIDER, event.id, event.type[:80], intent.id, paid=intent.status == "succeeded")]
            if event.type.startswith("refund."):
                refund = msgspec.json.decode(event.data.object, type=StripeRefund)
                return [Notice(PROVIDER, event.id, event.type[:80], refund.payment_intent, refund=True)]
        except msgspec.DecodeError as exc:
            raise WebhookRefused("body has not the promised shape") from exc
        return [Notice(PROVIDER, event.id, event.type[:80], None)]


def _verify(body: bytes, header: str | None, secret: str, now: datetime) -> None:
    """Stripe's scheme by its SDK, which lets timestamps of the future pass: those are refused here."""
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE_S)
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as exc:
        raise WebhookRefused("signature missing, different or too old") from exc
    timestamp = next(int(item[2:]) for item in (header or "").split(",") if item.startswith("t="))
    if abs(now.timestamp() - timestamp) > TOLERANCE_S:
        raise WebhookRefused("timestamp outside the tolerance")


def _reference(payment: Payment) -> str:
    if payment.provider_reference is None:
        raise GatewayRefused(PROVIDER, "the charge was never opened")
    return payment.provider_reference


def _convert(made: stripe.StripeObject, kind: type[T]) -> T:
    try:
        return msgspec.convert(made.to_dict(), kind)
    except msgspec.ValidationError as exc:
        raise GatewayAnswerInvalid(PROVIDER, f"{kind.__name__} has not the promised shape") from exc


def _intent(made: stripe.PaymentIntent) -> PaymentIntent:
    return _convert(made, PaymentIntent)


def _submitted(payment: Payment, intent: PaymentIntent) -> Charge:
    charge = _charge(payment, intent)
    if charge is None:
        raise GatewayAnswerInvalid(PROVIDER, "a confirmed intent is unconfirmed")
    return charge


def _charge(payment: Payment, intent: PaymentIntent) -> Charge | None:
    if intent.id != payment.provider_reference or intent.amount != payment.amount_minor:
        raise GatewayAnswerInvalid(PROVIDER, "answer is about another charge")
    match intent.status:
        case "succeeded":
            return _succeeded(intent)
        case "processing" | "requires_capture":
            return Charge(intent.id, PaymentStatus.PROCESSING)
        case "requires_action":
            return Charge(intent.id, PaymentStatus.REQUIRES_ACTION)
        case "canceled":
            return Charge(intent.id, PaymentStatus.CANCELLED, failure_code=FailureCode.CANCELLED)
        case "requires_payment_method" if intent.last_payment_error is not None:
            return Charge(intent.id, PaymentStatus.FAILED, failure_code=_failure(intent.last_payment_error))
        case "requires_confirmation" | "requires_payment_method":
            return None
        case _:
            raise GatewayAnswerInvalid(PROVIDER, "unknown status of an intent")


def _succeeded(intent: PaymentIntent) -> Charge:
    card = None
    if isinstance(intent.latest_charge, LatestCharge) and intent.latest_charge.payment_method_details:
        card = intent.latest_charge.payment_method_details.card
    return Charge(
        intent.id,
        PaymentStatus.SUCCEEDED,
        captured_minor=intent.amount_received,
        currency=intent.currency.upper(),
        card_brand=card.brand if card else None,
        card_last4=card.last4 if card else None,
    )


def _decline_code(exc: stripe.CardError) -> str | None:
    return exc.error.decline_code if exc.error is not None else None


def _failure(error: PaymentError) -> FailureCode:
    return _DECLINES.get(error.decline_code or "") or _DECLINES.get(error.code or "") or FailureCode.CARD_DECLINED


def _refund_report(refund: StripeRefund) -> RefundReport:
    status = _REFUND_STATUS.get(refund.status or "")
    if status is None:
        raise GatewayAnswerInvalid(PROVIDER, "unknown status of a refund")
    return RefundReport(refund.id, status, refund.amount, refund.failure_reason)
