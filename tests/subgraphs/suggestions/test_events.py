"""What purchases add to the signals, delivered twice."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.suggestions.domain.items import Item, ItemType
from subgraphs.suggestions.resources import Resources
from subgraphs.suggestions.use_cases.take_event import take_event
from tests.subgraphs.suggestions.conftest import Service, items_of


async def take(resources: Resources, event: DomainEvent) -> int:
    return await take_event(event, signals=resources.signals, now=datetime.now(UTC))


def confirmed(reservation: UUID, customer: UUID, event_id: UUID) -> DomainEvent:
    data = {"reservation_id": str(reservation), "customer_id": str(customer), "event_id": str(event_id), "quantity": 2}
    return new_event("reservation.confirmed", source="ticketing", subject=reservation, data=data)


def paid(reservation: UUID, customer: UUID, product: UUID, quantity: int) -> DomainEvent:
    data = {
        "items": [{"product_id": str(product), "quantity": quantity}],
        "reservation_id": str(reservation),
        "customer_id": str(customer),
    }
    return new_event("concession_order.paid", source="concessions", subject=uuid4(), data=data)


async def test_a_paid_product_is_counted_once_and_suggested_with_its_event(
    service: Service, resources: Resources
) -> None:
    reservation, customer, event_id, bought, other = (uuid4() for _ in range(5))
    assert await take(resources, confirmed(reservation, customer, event_id)) == 1
    order = paid(reservation, customer, bought, 3)
    assert [await take(resources, order) for _ in range(2)] == [1, 0]
    item = Item(ItemType.PRODUCT, bought)
    scope = f"event#{event_id}"
    assert await resources.signals.popularity(["all", scope], [item]) == {"all": {item: 3}, scope: {item: 3}}
    candidates = [("PRODUCT", other), ("PRODUCT", bought)]
    (best, *_) = await service.suggest(uuid4(), candidates, context={"eventId": event_id})
    assert (items_of([best]), best["reason"]) == ([("Product", bought)], "BOUGHT_TOGETHER")
    (best, *_) = await service.suggest(customer, candidates)
    assert (items_of([best]), best["reason"]) == ([("Product", bought)], "BECAUSE_YOU_BOUGHT")


async def test_order_confirmed_repeats_what_is_known_and_counts_nothing(resources: Resources) -> None:
    assert await take(resources, new_event("order.confirmed", source="reservation_flow", subject="x", data={})) == 0


async def test_facts_of_another_shape_are_refused(resources: Resources) -> None:
    with pytest.raises(msgspec.ValidationError):
        await take(resources, new_event("reservation.confirmed", source="ticketing", subject="x", data={}))
