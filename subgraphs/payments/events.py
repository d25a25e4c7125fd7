"""The events that this service publishes; ``events.schema.json`` shows them to others."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.refunds import Refund
from subgraphs.payments.domain.states import PaymentStatus

SOURCE: Final = "payments"


class EventMoney(msgspec.Struct, frozen=True):
    amount_minor: int
    currency: str


class PaymentData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``expires_at`` RFC 3339 in UTC. ``failure_code`` only of ``payment.failed``."""

    payment_id: str
    reference: str
    payer_id: str
    amount: EventMoney
    method: Literal["PIX", "CARD"]
    expires_at: str
    failure_code: str | None = None


class RefundData(msgspec.Struct, frozen=True, kw_only=True):
    """``amount`` is what this refund gave back, ``refunded`` what all of the payment's refunds did."""

    payment_id: str
    reference: str
    payer_id: str
    amount: EventMoney
    refunded: EventMoney
    method: Literal["PIX", "CARD"]
    refund_id: str


EVENT_OF_STATUS: Final = {
    PaymentStatus.CREATED: "payment.created",
    PaymentStatus.REQUIRES_ACTION: "payment.requires_action",
    PaymentStatus.PROCESSING: "payment.processing",
    PaymentStatus.SUCCEEDED: "payment.succeeded",
    PaymentStatus.FAILED: "payment.failed",
    PaymentStatus.EXPIRED: "payment.expired",
    PaymentStatus.CANCELLED: "payment.cancelled",
}

EVENTS: Final[dict[str, type[msgspec.Struct]]] = {
    **dict.fromkeys(EVENT_OF_STATUS.values(), PaymentData),
    "payment.refunded": RefundData,
}


def status_reached(payment: Payment) -> DomainEvent:
    """The payment is now in ``payment.status``. A payment reaches each status once, so repeats are one event."""
    event_type = EVENT_OF_STATUS[payment.status]
    data = PaymentData(
        payment_id=str(payment.id),
        reference=payment.reference,
        payer_id=str(payment.payer_id),
        amount=EventMoney(payment.amount_minor, payment.currency),
        method=payment.method.value,
        expires_at=payment.expires_at.isoformat(),
        failure_code=payment.failure_code if payment.status is PaymentStatus.FAILED else None,
    )
    return new_event(event_type, source=SOURCE, subject=payment.id, data=data, id=f"{event_type}:{payment.id}")


def refunded(payment: Payment, refund: Refund) -> DomainEvent:
    """``payment`` as it is with this refund paid back."""
    data = RefundData(
        payment_id=str(payment.id),
        reference=payment.reference,
        payer_id=str(payment.payer_id),
        amount=EventMoney(refund.amount_minor, payment.currency),
        refunded=EventMoney(payment.refunded_minor, payment.currency),
        method=payment.method.value,
        refund_id=str(refund.id),
    )
    return new_event(
        "payment.refunded", source=SOURCE, subject=payment.id, data=data, id=f"payment.refunded:{refund.id}"
    )
