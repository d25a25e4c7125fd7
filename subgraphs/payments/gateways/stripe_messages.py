"""The objects of Stripe's API as far as they are used. Source: docs.stripe.com/api, PaymentIntents, Refunds, Events."""

from __future__ import annotations

import msgspec


class Card(msgspec.Struct):
    brand: str | None = None
    last4: str | None = None


class PaymentMethodDetails(msgspec.Struct):
    card: Card | None = None


class LatestCharge(msgspec.Struct):
    id: str
    payment_method_details: PaymentMethodDetails | None = None


class PaymentError(msgspec.Struct):
    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct):
    """Amounts in minor units, currency in lower case; ``latest_charge`` is an id unless expanded."""

    id: str
    amount: int
    amount_received: int
    currency: str
    status: str
    last_payment_error: PaymentError | None = None
    latest_charge: LatestCharge | str | None = None


class Refund(msgspec.Struct):
    """``status``: pending, requires_action, succeeded, failed or canceled."""

    id: str
    amount: int
    status: str | None = None
    failure_reason: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


class EventData(msgspec.Struct):
    object: msgspec.Raw


class Event(msgspec.Struct):
    """``data.object`` is read according to ``type``."""

    id: str
    type: str
    data: EventData
