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
    pickup_code=None,
    concession_items=[OrderedConcession("Combo", 1)],
)
EVENTS: list[OrderEvent] = [
    _CONFIRMED,
    OrderExpired("r", "c"),
    OrderCancelled("r", "c", refunded=True),
    OrderRefunded("r", "c", Amount(27_500, "BRL")),
]


def test_the_published_schema_is_what_the_events_are() -> None:
    """Whoever changes an event commits the schema's diff with it: others read it."""
    assert json.loads(_SCHEMA.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_to_everybody_however_often_it_is_published(event: OrderEvent) -> None:
    """Its id follows from type and reservation; its data is what the schema requires, and no more."""
    kind, first = message_of(event, now=datetime(2026, 11, 24, tzinfo=UTC))
    _, second = message_of(event)
    message = json.loads(first)

    assert message["id"] == json.loads(second)["id"] == f"{kind}:r"
    assert message["type"] == kind
    assert message["occurred_at"] == "2026-11-24T00:00:00.000000Z"
    described = json_schema()["$defs"][type(event).__name__]
    assert message["data"].keys() == set(described["required"]) - {"type"}
    assert msgspec.convert({"type": kind, **message["data"]}, type(event)) == event


def test_somebody_listens_to_each_event() -> None:
    """An event that the topic's filters let nobody hear would be told in vain."""
    told = {message_of(event)[0] for event in EVENTS}
    assert told <= set(LISTENERS["notifications"])
