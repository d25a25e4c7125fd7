"""An order of concessions and the rules that need no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from subgraphs.concessions.domain.order_states import OrderStatus

MAX_LINES = 15
MAX_QUANTITY = 20

GRACE = timedelta(minutes=15)
"""How long an order outlives its reservation's hold: a payment of the last moment is confirmed within it."""

LONGEST_HOLD = timedelta(days=1)

Shelf = tuple[UUID, UUID]
"""A venue and a product: where one row of stock is kept."""


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """What a customer asks for: a product and how many of it."""

    product_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A line of an order, at the price of the moment it was placed (minor units)."""

    product_id: UUID
    quantity: int
    unit_price_minor: int

    @property
    def total_minor(self) -> int:
        """Return quantity times price, in minor units."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class Order:
    """An order as stored; `reservation_id` is None when it stands alone, `customer_id` when nobody signed in."""

    id: UUID
    reservation_id: UUID | None
    customer_id: UUID | None
    venue_id: UUID
    status: OrderStatus
    total_minor: int
    currency: str
    pickup_code: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnacceptableItems:
    """Why a list of items cannot be ordered; `field` is the place in the input, as GraphQL names it."""

    field: str
    rule: str


def check_items(items: Iterable[RequestedItem]) -> UnacceptableItems | None:
    """Return the first rule that the items break, or None; an empty list is acceptable (it orders nothing)."""
    lines = list(items)
    if len(lines) > MAX_LINES:
        return UnacceptableItems("items", "too_many_lines")
    seen: set[UUID] = set()
    for index, line in enumerate(lines):
        if not 1 <= line.quantity <= MAX_QUANTITY:
            return UnacceptableItems(f"items.{index}.quantity", "quantity_out_of_range")
        if line.product_id in seen:
            return UnacceptableItems(f"items.{index}.productId", "product_repeated")
        seen.add(line.product_id)
    return None


def same_items(ordered: Iterable[OrderItem], requested: Iterable[RequestedItem]) -> bool:
    """Tell whether both lists hold the same quantities of the same products, in any order."""
    return quantities(ordered) == quantities(requested)


def quantities(items: Iterable[OrderItem | RequestedItem]) -> dict[UUID, int]:
    """Return how many of each product the lines hold together."""
    counted: dict[UUID, int] = {}
    for item in items:
        counted[item.product_id] = counted.get(item.product_id, 0) + item.quantity
    return counted


def expiry(now: datetime, held_until: datetime | None) -> datetime:
    """Return when an order placed now ends by itself; without a known hold, as if it were the longest there is."""
    latest = now + LONGEST_HOLD
    return min(held_until or latest, latest) + GRACE


def on_shelves(venue_id: UUID, items: Iterable[OrderItem | RequestedItem]) -> dict[Shelf, int]:
    """Return how many of what the lines take from each shelf of the venue."""
    return {(venue_id, product_id): quantity for product_id, quantity in quantities(items).items()}


def stock_changes(wanted: Mapping[Shelf, int], given_back: Mapping[Shelf, int]) -> list[tuple[Shelf, int]]:
    """Return (shelf, how many more to reserve) in order of the shelves, the order in which stock rows are locked.

    Negative numbers give stock back. What is both wanted and given back is netted, so that each row is touched
    once and replacing an order never needs more stock than the difference.
    """
    net = {shelf: wanted.get(shelf, 0) - given_back.get(shelf, 0) for shelf in {*wanted, *given_back}}
    return [(shelf, net[shelf]) for shelf in sorted(net) if net[shelf] != 0]
