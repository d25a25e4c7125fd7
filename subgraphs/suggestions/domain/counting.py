"""What a purchase or an outcome adds to the signals. Counted in groups that are written whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from subgraphs.suggestions.domain.items import Item, Occasion, event_scope
from subgraphs.suggestions.domain.suggestion import Outcome, Suggestion

# Events bought before that a new one is paired with; each pair is two counters of one transaction.
PAIRED_EVENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Count:
    """`by` more in the popularity of `item` in `scope`."""

    scope: str
    item: Item
    by: int = 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a customer is remembered for: exactly one of the numbers is set."""

    customer_id: UUID
    item: Item
    at: datetime
    bought: int = 0
    ignored: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    counts: tuple[Count, ...] = ()
    remembered: tuple[Remembered, ...] = ()


def bought_product(product: Item, quantity: int, occasion: Occasion, customer_id: UUID | None, at: datetime) -> Change:
    """A product counts by what was bought of it, in every scope of the occasion."""
    return Change(
        counts=tuple(Count(scope, product, quantity) for scope in occasion.scopes),
        remembered=(Remembered(customer_id, product, at, bought=quantity),) if customer_id is not None else (),
    )


def bought_event(
    event: Item, quantity: int, occasion: Occasion, earlier: Sequence[Item], customer_id: UUID, at: datetime
) -> Change:
    """An event counts once per purchase (a family is one choice) and is paired, both ways, with the `earlier` ones."""
    own = event_scope(event.id)
    return Change(
        counts=(
            *(Count(scope, event) for scope in occasion.scopes if scope != own),
            *(Count(own, other) for other in earlier[:PAIRED_EVENTS]),
            *(Count(event_scope(other.id), event) for other in earlier[:PAIRED_EVENTS]),
        ),
        remembered=(Remembered(customer_id, event, at, bought=quantity),),
    )


def answered(suggestion: Suggestion, outcome: Outcome, at: datetime) -> Change:
    """An accepted suggestion makes its item more popular; one turned down is remembered for this customer only."""
    if outcome is Outcome.ACCEPTED:
        return Change(counts=tuple(Count(scope, suggestion.item) for scope in suggestion.occasion.scopes))
    turned_down = Remembered(
        suggestion.customer_id,
        suggestion.item,
        at,
        ignored=int(outcome is Outcome.IGNORED),
        rejected=int(outcome is Outcome.REJECTED),
    )
    return Change(remembered=(turned_down,))
