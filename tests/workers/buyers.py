"""A buyer's reservation and payment, and what services answer about them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.workers.deployed import Deployed

ORDER = {
    "eventId": str(uuid4()),
    "sessionId": str(uuid4()),
    "eventName": "Corinthians × Palmeiras",
    "venueName": "Allianz Parque",
    "startsAt": "2026-12-05T19:00:00Z",
    "timeZone": "America/Sao_Paulo",
    "units": ["A-12", "A-13"],
    "totalMinor": 24_000,
    "currency": "BRL",
    "tickets": [{"id": str(uuid4()), "code": "K7Q2", "qrPayload": "v1.abc"}],
}
CONFIRMED = {"status": "CONFIRMED", "order": ORDER}
PAID_CONCESSIONS = {
    "status": "PAID",
    "pickupCode": "P-4711",
    "totalMinor": 3_500,
    "items": [{"name": "Combo pipoca", "quantity": 1}],
}
NO_CONCESSIONS: dict[str, Any] = {"status": "NONE", "pickupCode": None, "totalMinor": 0, "items": []}
NO_ORDER = {"status": "NONE"}
NOTHING_PAID: dict[str, Any] = {"payments": []}
NOTHING_SETTLED = {"settledPaymentId": None}
REFUNDED = {"refundId": str(uuid4()), "status": "SUBMITTED", "amountMinor": 27_500, "errors": []}


def refusal(code: str) -> dict[str, str]:
    """An error of a payload, as the stand-in can tell its type by name."""
    return {"__typename": "InputError", "code": code, "message": "refused"}


def known(payment_id: str, status: str, amount_minor: int = 24_000) -> dict[str, Any]:
    """What payments says of one payment when it is asked about a reservation."""
    return {"payments": [{"paymentId": payment_id, "status": status, "amountMinor": amount_minor}]}


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Buyer:
    """One reservation and the payment for it."""

    def __init__(self) -> None:
        self.reservation_id = str(uuid4())
        self.customer_id = str(uuid4())
        self.payment_id = str(uuid4())

    def held(self, seconds: float) -> dict[str, Any]:
        return {
            "reservation_id": self.reservation_id,
            "customer_id": self.customer_id,
            "held_until": in_seconds(seconds),
        }

    def paid(self, amount_minor: int = 27_500) -> dict[str, Any]:
        return {
            "reservation_id": self.reservation_id,
            "customer_id": self.customer_id,
            "outcome": "PAID",
            "payment_id": self.payment_id,
            "amount_minor": amount_minor,
        }

    def payment_event(self, amount_minor: int = 27_500, seconds: float = 600) -> dict[str, Any]:
        return {
            "payment_id": self.payment_id,
            "reference": f"reservation:{self.reservation_id}",
            "payer_id": self.customer_id,
            "amount": {"amount_minor": amount_minor, "currency": "BRL"},
            "method": "PIX",
            "expires_at": in_seconds(seconds),
        }


def told(deployed: Deployed, kind: str, buyer: Buyer) -> dict[str, Any]:
    """The event of this type about this buyer, as notifications gets it."""
    event: dict[str, Any] = deployed.take(
        "notifications-events",
        lambda body: body["type"] == kind and body["data"]["reservation_id"] == buyer.reservation_id,
    )
    return event
