"""The events that the reservation flow publishes: what became of an order."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

SOURCE = "reservation_flow"


RefundReason = Literal["UNITS_UNAVAILABLE", "AMOUNT_MISMATCH", "PAID_TWICE"]


class Amount(msgspec.Struct, frozen=True):
    amount_minor: int
    currency: str


class OrderedTicket(msgspec.Struct, frozen=True):
    id: str
    code: str
    qr_payload: str


class OrderedConcession(msgspec.Struct, frozen=True):
    name: str
    quantity: int


class OrderConfirmed(msgspec.Struct, frozen=True, tag_field="type", tag="order.confirmed"):
    """`total` is what was paid for what can be had; `returned` was paid for concessions that cannot, and goes back."""

    reservation_id: str
    customer_id: str
    event_id: str
    event_name: str
    session_id: str
    venue_name: str
    starts_at: str
    time_zone: str
    units: list[str]
    tickets: list[OrderedTicket]
    total: Amount
    returned: Amount | None
    pickup_code: str | None
    concession_items: list[OrderedConcession]


class OrderExpired(msgspec.Struct, frozen=True, tag_field="type", tag="order.expired"):
    """Nothing was charged: said once no payment can succeed any more."""

    reservation_id: str
    customer_id: str


class OrderCancelled(msgspec.Struct, frozen=True, tag_field="type", tag="order.cancelled"):
    """By the buyer. `refunded`: `payment_id` had paid, and goes back; `amount` of it, when that is known."""

    reservation_id: str
    customer_id: str
    payment_id: str | None
    refunded: bool
    amount: Amount | None


class OrderRefunded(msgspec.Struct, frozen=True, tag_field="type", tag="order.refunded"):
    """A payment that bought nothing goes back in full. PAID_TWICE: another one has bought the order, which stays."""

    reservation_id: str
    customer_id: str
    payment_id: str
    amount: Amount
    reason: RefundReason


OrderEvent = OrderConfirmed | OrderExpired | OrderCancelled | OrderRefunded


def message_of(event: OrderEvent, *, now: datetime | None = None) -> tuple[str, str]:
    """`(type, message)`. The id follows from what is told: a repeated step is one event to everybody.

    So is what two executions tell, one that was cancelled and one that was paid late: money that goes back is told once
    per payment.
    """
    data: dict[str, Any] = msgspec.to_builtins(event)
    kind = data.pop("type")
    payment_id = data.get("payment_id")
    envelope = {
        "id": f"{kind}:{event.reservation_id}" + (f":{payment_id}" if payment_id else ""),
        "type": kind,
        "source": SOURCE,
        "subject": event.reservation_id,
        "occurred_at": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "version": 1,
        "data": data,
    }
    return kind, msgspec.json.encode(envelope).decode()


def json_schema() -> dict[str, Any]:
    """JSON Schema of the data of each event, by type."""
    schemas, definitions = msgspec.json.schema_components(
        [OrderConfirmed, OrderExpired, OrderCancelled, OrderRefunded], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of the reservation flow",
        "oneOf": list(schemas),
        "$defs": definitions,
    }
