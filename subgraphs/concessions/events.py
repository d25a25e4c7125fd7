"""The events that this service publishes, and their data as other services read it (`events.schema.json`)."""

from collections.abc import Sequence

import msgspec

from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.concessions.domain.order import Order, OrderItem

SOURCE = "concessions"


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units of its currency."""

    amount_minor: int
    currency: str


class OrderedItem(msgspec.Struct, frozen=True):
    """A line of an order."""

    product_id: str
    quantity: int


class ConcessionOrderData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every event about an order tells; `pickup_code` once there is one."""

    order_id: str
    items: tuple[OrderedItem, ...]
    total: Money
    reservation_id: str | None = None
    customer_id: str | None = None
    pickup_code: str | None = None


EVENTS: dict[str, type[msgspec.Struct]] = {
    "concession_order.placed": ConcessionOrderData,
    "concession_order.paid": ConcessionOrderData,
    "concession_order.expired": ConcessionOrderData,
    "concession_order.cancelled": ConcessionOrderData,
    "concession_order.ready": ConcessionOrderData,
}


def order_event(type_: str, order: Order, items: Sequence[OrderItem]) -> DomainEvent:
    """Return the event that tells what happened to the order; `type_` is one of `EVENTS`."""
    data = ConcessionOrderData(
        order_id=str(order.id),
        items=tuple(OrderedItem(str(item.product_id), item.quantity) for item in items),
        total=Money(order.total_minor, order.currency),
        reservation_id=str(order.reservation_id) if order.reservation_id else None,
        customer_id=str(order.customer_id) if order.customer_id else None,
        pickup_code=order.pickup_code,
    )
    return new_event(type_, source=SOURCE, subject=order.id, data=data)
