"""An order ends by itself, never begins after its reservation's end, and is confirmed with the money that paid for it."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from .conftest import POPCORN, SODA, Service

Stock = Callable[..., Awaitable[tuple[int, int, int]]]


@pytest.mark.parametrize("how", ["expire", "cancel"])
async def test_nothing_is_placed_once_the_flow_has_ended_the_reservation(
    service: Service, stock: Stock, how: str
) -> None:
    """The flow found no order to release; the checkout that began before it places one a moment later."""
    reservation, ana = uuid4(), uuid4()
    assert await service.end(how, reservation, ana) == {"status": "NONE", "totalMinor": 0}
    late = await service.place(reservation, ana, [(POPCORN, 2)])
    assert [(error["code"], error["field"]) for error in late["errors"]] == [("EXPIRED", "reservationId")]
    assert await stock(POPCORN) == (10, 0, 0)


async def test_the_order_that_was_paid_for_is_confirmed_although_it_was_replaced(
    service: Service, stock: Stock
) -> None:
    """Popcorn was paid for at the bank when another tab chose a soft drink: the money buys the popcorn."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.place(reservation, ana, [(SODA, 9)])
    confirmed = await service.confirm(reservation, ana, paidMinor=3000)
    assert (confirmed["status"], confirmed["totalMinor"]) == ("PAID", 3000)
    assert confirmed["items"] == [{"name": "Pipoca", "quantity": 2}]
    assert await stock(POPCORN) == (8, 0, 2)
    assert await stock(SODA) == (10, 0, 0)
