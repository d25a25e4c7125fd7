"""What can be suggested and bought, and the occasion on which it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

EVERYWHERE: Final = "all"


class ItemType(StrEnum):
    PRODUCT = "PRODUCT"
    EVENT = "EVENT"


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the concessions, or an event."""

    type: ItemType
    id: UUID


@dataclass(frozen=True, slots=True)
class Purchase:
    """So many units of an item, bought at a moment (UTC)."""

    item: Item
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the customer is buying just now, as far as it is known; nothing of it outside a reservation."""

    reservation_id: UUID | None = None
    event_id: UUID | None = None
    event_kind: str | None = None
    venue_id: UUID | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where popularity is counted for this occasion, from everywhere to this very event."""
        scopes = [EVERYWHERE]
        if self.event_kind is not None:
            scopes.append(kind_scope(self.event_kind))
        if self.venue_id is not None:
            scopes.append(venue_scope(self.venue_id))
        if self.event_id is not None:
            scopes.append(event_scope(self.event_id))
        return tuple(scopes)


def kind_scope(kind: str) -> str:
    return f"kind#{kind}"


def venue_scope(venue_id: UUID) -> str:
    return f"venue#{venue_id}"


def event_scope(event_id: UUID) -> str:
    """What is bought by those who buy this event."""
    return f"event#{event_id}"
