"""What is suggested while suggestions cannot be made: a list that operations keep."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid5

import msgspec

from gateway.experience.ids import encode

_IDS: Final = UUID("5a0f4bb5-0a8d-5c1e-8d8a-6f1f3c6f7a10")


class DefaultItem(msgspec.Struct, frozen=True):
    type: Literal["PRODUCT", "EVENT"]
    id: UUID


class _Stored(msgspec.Struct, frozen=True):
    version: Literal[1]
    items: Annotated[tuple[DefaultItem, ...], msgspec.Meta(max_length=100)]


def read_defaults(text: str) -> tuple[DefaultItem, ...]:
    """In the order of the list: `{"version": 1, "items": [{"type": "PRODUCT", "id": …}]}`. Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=_Stored).items
    except msgspec.MsgspecError as exc:
        raise ValueError(str(exc)) from exc


def describe_defaults(items: tuple[DefaultItem, ...], customer_id: UUID | None, first: int) -> list[dict[str, Any]]:
    """As suggestions are described; the same items have the same ids for one customer."""
    described = []
    for item in items[:first]:
        typename = "Product" if item.type == "PRODUCT" else "Event"
        suggestion_id = uuid5(_IDS, f"{customer_id}:{item.type}:{item.id}")
        described.append(
            {
                "__typename": "Suggestion",
                "id": encode("Suggestion", suggestion_id),
                "reason": "DEFAULT",
                "item": {"__typename": typename, "id": encode(typename, item.id)},
            }
        )
    return described
