"""Count what a domain event of another service tells about purchases, once per event.

`reservation.confirmed` tells of the event, `concession_order.paid` of the products; `order.confirmed` repeats both, so
nothing is counted from it.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from subgraphs.chassis.events import DomainEvent, read_data
from subgraphs.suggestions.domain.counting import PAIRED_EVENTS, bought_event, bought_product
from subgraphs.suggestions.domain.items import Item, ItemType, Occasion
from subgraphs.suggestions.domain.ranking import latest_events
from subgraphs.suggestions.repositories.signals import Signals

MAX_QUANTITY: Final = 1_000


class ConfirmedReservation(msgspec.Struct, frozen=True):
    """What is read of `reservation.confirmed`."""

    reservation_id: UUID
    customer_id: UUID
    event_id: UUID
    quantity: int


class OrderedProduct(msgspec.Struct, frozen=True):
    product_id: UUID
    quantity: int


class PaidOrder(msgspec.Struct, frozen=True):
    """What is read of `concession_order.paid`."""

    items: tuple[OrderedProduct, ...]
    reservation_id: UUID | None = None
    customer_id: UUID | None = None


async def take_event(event: DomainEvent, *, signals: Signals, now: datetime) -> int:
    """How many parts of the event were counted now: 0 for a repeat and for what says nothing of purchases.

    Raises `msgspec.ValidationError` (facts of another shape) and `StoreUnavailable`.
    """
    if event.type == "reservation.confirmed":
        return await _take_reservation(event, signals, now)
    if event.type == "concession_order.paid":
        return await _take_concessions(event, signals, now)
    return 0


async def _take_reservation(event: DomainEvent, signals: Signals, now: datetime) -> int:
    told = read_data(event, ConfirmedReservation)
    occasion = Occasion(told.reservation_id, told.event_id)
    await signals.note_occasion(occasion, told.customer_id, now)
    known = await signals.occasion_of(told.reservation_id, told.customer_id) or occasion
    earlier = latest_events(await signals.memory_of(told.customer_id), occasion, PAIRED_EVENTS)
    change = bought_event(
        Item(ItemType.EVENT, told.event_id),
        _bounded(told.quantity),
        known,
        earlier,
        told.customer_id,
        event.occurred_at,
    )
    return int(await signals.count_once(event.id, 0, change, now))


async def _take_concessions(event: DomainEvent, signals: Signals, now: datetime) -> int:
    told = read_data(event, PaidOrder)
    occasion = None
    if told.reservation_id is not None and told.customer_id is not None:
        occasion = await signals.occasion_of(told.reservation_id, told.customer_id)
    counted = 0
    # One transaction a line: an order may have more of them than a transaction holds.
    for part, line in enumerate(told.items):
        product = Item(ItemType.PRODUCT, line.product_id)
        change = bought_product(
            product, _bounded(line.quantity), occasion or Occasion(), told.customer_id, event.occurred_at
        )
        counted += await signals.count_once(event.id, part, change, now)
    return counted


def _bounded(quantity: int) -> int:
    return max(1, min(quantity, MAX_QUANTITY))
