"""How items, moments and ids stand in records of both tables."""

from datetime import UTC, datetime
from uuid import UUID

from subgraphs.suggestions.domain.items import Item, ItemType, Occasion
from subgraphs.suggestions.dynamodb import Record


def item_key(item: Item) -> str:
    """`PRODUCT#<uuid>` or `EVENT#<uuid>`."""
    return f"{item.type}#{item.id}"


def read_item_key(key: str) -> Item:
    type_, _, id_ = key.partition("#")
    return Item(ItemType(type_), UUID(id_))


def occasion_attributes(occasion: Occasion) -> Record:
    """Only what is known of it."""
    known = {
        "reservation_id": occasion.reservation_id,
        "event_id": occasion.event_id,
        "event_kind": occasion.event_kind,
        "venue_id": occasion.venue_id,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def read_occasion(record: Record) -> Occasion:
    kind = record.get("event_kind")
    return Occasion(
        reservation_id=_uuid(record, "reservation_id"),
        event_id=_uuid(record, "event_id"),
        event_kind=str(kind) if kind is not None else None,
        venue_id=_uuid(record, "venue_id"),
    )


def _uuid(record: Record, name: str) -> UUID | None:
    value = record.get(name)
    return UUID(str(value)) if value is not None else None


def epoch_seconds(at: datetime) -> int:
    return int(at.timestamp())


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def read_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)
