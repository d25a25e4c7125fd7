"""A suggestion as the suggestions service describes it."""

from typing import Any

import strawberry

from gateway.experience.types import Event, Product, Suggestion, SuggestionReason


def read_suggestion(described: dict[str, Any]) -> Suggestion:
    """`described` has id, reason and item {__typename, id}."""
    item_id = strawberry.ID(described["item"]["id"])
    return Suggestion(
        id=strawberry.ID(described["id"]),
        reason=SuggestionReason(described["reason"]),
        item=Product(id=item_id) if described["item"]["__typename"] == "Product" else Event(id=item_id),
    )
