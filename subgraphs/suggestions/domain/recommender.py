"""The port through which suggestions are chosen, and what goes through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from subgraphs.suggestions.domain.items import Item, Occasion, Purchase
from subgraphs.suggestions.domain.suggestion import Reason


@dataclass(frozen=True, slots=True)
class Question:
    """Which `first` of the `candidates` suit this customer on this occasion, at the moment `now`?

    `history` is what the caller knows of the customer's purchases; the recommender may know more.
    """

    customer_id: UUID
    first: int
    occasion: Occasion
    history: Sequence[Purchase]
    candidates: Sequence[Item]
    now: datetime


@dataclass(frozen=True, slots=True)
class Recommendation:
    item: Item
    reason: Reason


class Recommender(Protocol):
    """Chooses among the candidates and nothing else, best first, each at most once."""

    async def recommend(self, question: Question) -> list[Recommendation]: ...
