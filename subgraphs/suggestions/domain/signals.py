"""What is known from earlier purchases and feedback, as the embedded recommender reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from subgraphs.suggestions.domain.items import Item

Popularity = Mapping[str, Mapping[Item, int]]
"""How often an item was bought or accepted, by scope (`Occasion.scopes`)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one customer did with one item: units bought, and how often a suggestion of it was turned down."""

    bought: int = 0
    bought_at: datetime | None = None
    ignored: int = 0
    rejected: int = 0


class SignalSource(Protocol):
    async def memory_of(self, customer_id: UUID) -> Mapping[Item, Memory]: ...

    async def popularity(self, scopes: Sequence[str], items: Sequence[Item]) -> Popularity: ...
