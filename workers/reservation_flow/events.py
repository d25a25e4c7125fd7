"""The events that the reservation flow publishes: what became of an order."""

from datetime import UTC, datetime
from typing import Any

import msgspec

SOURCE = "reservation_flow"


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
    pickup_code: str | None
    concession_items: list[OrderedConcession]


class OrderExpired(msgspec.Struct, frozen=True, tag_field="type", tag="order.expired"):
    reservation_id: str
    customer_id: str


class OrderCancelled(msgspec.Struct, frozen=True, tag_field="type", tag="order.cancelled"):
    reservation_id: str
    customer_id: str
    refunded: bool


class OrderRefunded(msgspec.Struct, frozen=True, tag_field="type", tag="order.refunded"):
    """Paid when the units were others' already: the money went back in full."""

    reservation_id: str
    customer_id: str
    amount: Amount


OrderEvent = OrderConfirmed | OrderExpired | OrderCancelled | OrderRefunded


def message_of(event: OrderEvent, *, now: datetime | None = None) -> tuple[str, str]:
    """`(type, message)`. The id follows from type and reservation: a repeated step is one event to everybody."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    kind = data.pop("type")
    envelope = {
        "id": f"{kind}:{event.reservation_id}",
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
