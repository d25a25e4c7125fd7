"""What the reservation flow tells: its published schema, and one event however often a step is repeated."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from infra.stacks.events import LISTENERS
from workers.reservation_flow.events import (
    Amount,
    OrderCancelled,
    OrderConfirmed,
    OrderedConcession,
    OrderedTicket,
    OrderEvent,
    OrderExpired,
    OrderRefunded,
    json_schema,
    message_of,
)

_SCHEMA = Path(__file__).parents[2] / "workers" / "reservation_flow" / "events.schema.json"
_CONFIRMED = OrderConfirmed(
    reservation_id="r",
    customer_id="c",
    event_id="e",
    event_name="Corinthians × Palmeiras",
    session_id="s",
    venue_name="Allianz Parque",
    starts_at="2026-12-05T19:00:00Z",
    time_zone="America/Sao_Paulo",
    units=["A-12"],
    tickets=[OrderedTicket("t", "K7Q2", "v1.abc")],
    total=Amount(27_500, "BRL"),
    returned=None,
    pickup_code=None,
    concession_items=[OrderedConcession("Combo", 1)],
)
_BRL = Amount(27_500, "BRL")
# With the id by which listeners know it again.
EVENTS: list[tuple[OrderEvent, str]] = [
    (_CONFIRMED, "order.confirmed:r"),
    (OrderExpired("r", "c"), "order.expired:r"),
    (OrderCancelled("r", "c", None, refunded=False, amount=None), "order.cancelled:r"),
    (OrderCancelled("r", "c", "p", refunded=True, amount=_BRL), "order.cancelled:r:p"),
    (OrderRefunded("r", "c", "p", _BRL, "PAID_TWICE"), "order.refunded:r:p"),
]


def test_the_published_schema_is_what_the_events_are() -> None:
    """Whoever changes an event commits the schema's diff with it: others read it."""
    assert json.loads(_SCHEMA.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize(("event", "known_as"), EVENTS)
def test_an_event_is_one_to_everybody_however_often_it_is_published(event: OrderEvent, known_as: str) -> None:
    """Its id follows from type, reservation and the payment that goes back; its data is what the schema requires."""
    kind, first = message_of(event, now=datetime(2026, 11, 24, tzinfo=UTC))
    _, second = message_of(event)
    message = json.loads(first)

    assert message["id"] == json.loads(second)["id"] == known_as
    assert message["type"] == kind
    assert message["occurred_at"] == "2026-11-24T00:00:00.000000Z"
    described = json_schema()["$defs"][type(event).__name__]
    assert message["data"].keys() == set(described["required"]) - {"type"}
    assert msgspec.convert({"type": kind, **message["data"]}, type(event)) == event


def test_somebody_listens_to_each_event() -> None:
    """An event that the topic's filters let nobody hear would be told in vain."""
    told = {message_of(event)[0] for event, _ in EVENTS}
    assert told <= set(LISTENERS["notifications"])
