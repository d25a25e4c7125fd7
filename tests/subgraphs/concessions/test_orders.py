"""Placing, confirming and ending orders: stock, keys, codes, events."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.concessions.tables import concession_orders, product_stock

from .conftest import BEER, COMBO, OTHER_VENUE, POPCORN, SCARF, SODA, VENUE, Service

Stock = Callable[..., Awaitable[tuple[int, int, int]]]
Published = Callable[[], Awaitable[list[dict[str, Any]]]]


async def test_placing_reserves_stock_and_tells(service: Service, stock: Stock, published: Published) -> None:
    reservation, ana = uuid4(), uuid4()
    placed = await service.place(reservation, ana, [(POPCORN, 2), (SODA, 1)])
    assert placed["errors"] == []
    assert placed["order"]["totalMinor"] == 3900
    assert placed["order"]["status"] == "PLACED"
    assert await stock(POPCORN) == (8, 2, 0)
    assert await stock(SODA) == (9, 1, 0)
    (event,) = await published()
    assert event["type"] == "concession_order.placed"
    assert event["data"] == {
        "order_id": placed["order"]["id"],
        "reservation_id": str(reservation),
        "customer_id": str(ana),
        "items": [
            {"product_id": str(POPCORN), "quantity": 2},
            {"product_id": str(SODA), "quantity": 1},
        ],
        "total": {"amount_minor": 3900, "currency": "BRL"},
    }


async def test_out_of_stock_names_every_product_and_takes_nothing(
    service: Service, stock: Stock, published: Published
) -> None:
    reservation, ana = uuid4(), uuid4()
    refused = await service.place(reservation, ana, [(POPCORN, 11), (SODA, 3), (COMBO, 12)], key="k")
    assert refused["order"] is None
    (error,) = refused["errors"]
    assert (error["__typename"], error["code"]) == ("OutOfStock", "OUT_OF_STOCK")
    assert len(error["productIds"]) == 2
    assert "Pipoca" in error["message"]
    assert "Combo Pipoca" in error["message"]
    assert "Refrigerante" not in error["message"]
    assert [await stock(product) for product in (POPCORN, SODA, COMBO)] == [(10, 0, 0)] * 3
    assert await published() == []
    # The refusal left the key free: the same key may ask for less.
    assert (await service.place(reservation, ana, [(POPCORN, 10)], key="k"))["errors"] == []


async def test_parallel_placements_never_oversell(service: Service, stock: Stock, published: Published) -> None:
    # Opposite orders of the lines would deadlock if stock were not taken in one order.
    lines = [[(POPCORN, 3), (SODA, 1)], [(SODA, 1), (POPCORN, 3)]]
    outcomes = await asyncio.gather(*(service.place(uuid4(), uuid4(), lines[n % 2]) for n in range(12)))
    won = [outcome for outcome in outcomes if outcome["order"]]
    assert len(won) == 3
    assert all(outcome["errors"][0]["code"] == "OUT_OF_STOCK" for outcome in outcomes if not outcome["order"])
    assert await stock(POPCORN) == (1, 9, 0)
    assert await stock(SODA) == (7, 3, 0)
    assert len(await published()) == 3


async def test_the_database_itself_refuses_negative_stock(db: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="available_not_negative"):
        async with db.transaction() as connection:
            await connection.execute(sa.update(product_stock).values(available=-1))


async def test_a_repeated_key_gives_the_stored_order(service: Service, stock: Stock, published: Published) -> None:
    reservation, ana = uuid4(), uuid4()
    outcomes = await asyncio.gather(*(service.place(reservation, ana, [(POPCORN, 2)], key="same") for _ in range(5)))
    assert len({outcome["order"]["id"] for outcome in outcomes}) == 1
    assert await stock(POPCORN) == (8, 2, 0)
    assert len(await published()) == 1


async def test_a_key_with_other_input_is_refused(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)], key="same")
    reused = await service.place(reservation, ana, [(POPCORN, 3)], key="same")
    assert reused["errors"][0]["__typename"] == "IdempotencyKeyReused"
    assert await stock(POPCORN) == (8, 2, 0)
    # Keys are the customer's own: another customer may use the same.
    assert (await service.place(uuid4(), uuid4(), [(POPCORN, 3)], key="same"))["errors"] == []


async def test_another_key_with_the_same_items_keeps_the_order(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    first = await service.place(reservation, ana, [(POPCORN, 2), (SODA, 1)])
    again = await service.place(reservation, ana, [(SODA, 1), (POPCORN, 2)])
    assert again == first
    assert await stock(POPCORN) == (8, 2, 0)


async def test_other_items_replace_the_placed_order(service: Service, stock: Stock, published: Published) -> None:
    reservation, ana = uuid4(), uuid4()
    first = await service.place(reservation, ana, [(POPCORN, 8), (SODA, 1)])
    # Nine more popcorns are not there, but one more than the eight it already holds is.
    second = await service.place(reservation, ana, [(POPCORN, 9), (COMBO, 1)])
    assert second["order"]["id"] != first["order"]["id"]
    assert await stock(POPCORN) == (1, 9, 0)
    assert await stock(SODA) == (10, 0, 0)
    assert await stock(COMBO) == (9, 1, 0)
    assert [event["type"].split(".")[1] for event in await published()] == ["placed", "cancelled", "placed"]


async def test_a_replacement_that_is_refused_keeps_the_first_order(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    refused = await service.place(reservation, ana, [(SODA, 11)])
    assert refused["errors"][0]["code"] == "OUT_OF_STOCK"
    assert await stock(POPCORN) == (8, 2, 0)
    assert (await service.confirm(reservation, ana))["status"] == "PAID"


async def test_at_another_venue_the_first_venue_gets_its_stock_back(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    moved = await service.place(reservation, ana, [(POPCORN, 2)], venue=OTHER_VENUE)
    assert moved["errors"] == []
    assert await stock(POPCORN) == (10, 0, 0)
    assert await stock(POPCORN, OTHER_VENUE) == (1, 2, 0)


async def test_no_items_take_back_what_was_placed(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    assert await service.place(reservation, ana, []) == {"order": None, "errors": []}
    await service.place(reservation, ana, [(POPCORN, 2)])
    assert await service.place(reservation, ana, []) == {"order": None, "errors": []}
    assert await stock(POPCORN) == (10, 0, 0)
    assert (await service.confirm(reservation, ana))["status"] == "CANCELLED"


async def test_parallel_choices_for_one_reservation_leave_one_live_order(
    service: Service, stock: Stock, db: Database
) -> None:
    reservation, ana = uuid4(), uuid4()
    outcomes = await asyncio.gather(*(service.place(reservation, ana, [(POPCORN, n)]) for n in (1, 2, 3, 4)))
    assert all(outcome["errors"] == [] for outcome in outcomes)
    async with db.connect() as connection:
        statuses = (await connection.execute(sa.select(concession_orders.c.status))).scalars().all()
    assert Counter(statuses) == {"CANCELLED": 3, "PLACED": 1}
    confirmed = await service.confirm(reservation, ana)
    quantity = confirmed["items"][0]["quantity"]
    assert await stock(POPCORN) == (10 - quantity, 0, quantity)


@pytest.mark.parametrize(
    ("items", "code", "field"),
    [
        ([(POPCORN, 0)], "INVALID_INPUT", "items.0.quantity"),
        ([(SODA, 1), (POPCORN, 1000)], "INVALID_INPUT", "items.1.quantity"),
        ([(POPCORN, 1), (POPCORN, 1)], "INVALID_INPUT", "items.1.productId"),
        ([(UUID(int=77), 1)], "NOT_FOUND", "items.0.productId"),
        ([(BEER, 1)], "AGE_RESTRICTED", "items"),
    ],
)
async def test_unacceptable_items_are_refused_with_their_place(
    service: Service, published: Published, items: list[tuple[UUID, int]], code: str, field: str
) -> None:
    refused = await service.place(uuid4(), uuid4(), items)
    assert refused["order"] is None
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [(code, field)]
    assert await published() == []


async def test_a_product_that_the_venue_does_not_sell_is_not_found(service: Service) -> None:
    refused = await service.place(uuid4(), uuid4(), [(SCARF, 1)], venue=OTHER_VENUE)
    assert refused["errors"][0]["code"] == "NOT_FOUND"


async def test_beer_is_sold_to_who_is_old_enough(service: Service) -> None:
    young = await service.place(uuid4(), uuid4(), [(BEER, 1)], birthDate="2015-01-01")
    assert young["errors"][0]["__typename"] == "ProductAgeRestricted"
    assert len(young["errors"][0]["productIds"]) == 1
    assert (await service.place(uuid4(), uuid4(), [(BEER, 1)], birthDate="1990-01-01"))["errors"] == []
    # On the session's day at the venue, when that is known.
    for day, errors in (("2032-12-31", ["AGE_RESTRICTED"]), ("2033-01-01", [])):
        placed = await service.place(uuid4(), uuid4(), [(BEER, 1)], birthDate="2015-01-01", sessionDay=day)
        assert [error["code"] for error in placed["errors"]] == errors


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb"])
async def test_a_bad_idempotency_key_is_refused(service: Service, key: str) -> None:
    # An empty key reads as "make one" in the fixture, so it is passed as a variable of its own.
    refused = await service.place(uuid4(), uuid4(), [(POPCORN, 1)], idempotencyKey=key)
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("INVALID_INPUT", "idempotencyKey")]


async def test_nobody_signed_in_places_nothing(service: Service) -> None:
    assert (await service.place(uuid4(), None, [(POPCORN, 1)]))["errors"][0]["code"] == "UNAUTHENTICATED"


async def test_a_reservation_with_somebody_elses_order_is_not_found(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 1)])
    refused = await service.place(reservation, uuid4(), [(POPCORN, 2)])
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("NOT_FOUND", "reservationId")]
    assert await stock(POPCORN) == (9, 1, 0)


async def test_confirming_sells_the_stock_and_gives_a_code_once(
    service: Service, stock: Stock, published: Published
) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    outcomes = await asyncio.gather(*(service.confirm(reservation, ana) for _ in range(4)))
    assert len({outcome["pickupCode"] for outcome in outcomes}) == 1
    assert outcomes[0] == {
        "status": "PAID",
        "pickupCode": outcomes[0]["pickupCode"],
        "totalMinor": 3000,
        "items": [{"name": "Pipoca", "quantity": 2}],
    }
    assert len(outcomes[0]["pickupCode"]) == 5
    assert await stock(POPCORN) == (8, 0, 2)
    events = await published()
    assert [event["type"] for event in events] == ["concession_order.placed", "concession_order.paid"]
    assert events[1]["data"]["pickup_code"] == outcomes[0]["pickupCode"]


async def test_a_code_that_is_taken_is_not_given_again(
    service: Service, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The random source is the one thing replaced here: it says the same code twice, then another.
    codes = iter(["AAAAA", "AAAAA", "CCCCC"])
    monkeypatch.setattr("subgraphs.concessions.use_cases.confirm_order.new_pickup_code", lambda: next(codes))
    given = []
    for _ in range(2):
        reservation, ana = uuid4(), uuid4()
        await service.place(reservation, ana, [(POPCORN, 1)])
        given.append((await service.confirm(reservation, ana))["pickupCode"])
    assert given == ["AAAAA", "CCCCC"]


async def test_confirming_without_an_order_or_for_another_customer_is_none(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    nothing = {"status": "NONE", "pickupCode": None, "totalMinor": 0, "items": []}
    assert await service.confirm(reservation, ana) == nothing
    await service.place(reservation, ana, [(POPCORN, 2)])
    assert await service.confirm(reservation, uuid4()) == nothing
    assert await stock(POPCORN) == (8, 2, 0)


async def test_too_little_money_confirms_nothing(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    assert (await service.confirm(reservation, ana, paidMinor=2999))["status"] == "AMOUNT_MISMATCH"
    assert await stock(POPCORN) == (8, 2, 0)
    assert (await service.confirm(reservation, ana, paidMinor=3000))["status"] == "PAID"


async def test_a_paid_order_is_not_replaced(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.confirm(reservation, ana)
    for items in ([(SODA, 1)], []):
        refused = await service.place(reservation, ana, items)
        assert refused["errors"][0]["code"] == "INVALID_STATE"
    assert await stock(POPCORN) == (8, 0, 2)


async def test_expiring_gives_the_stock_back_once(service: Service, stock: Stock, published: Published) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    outcomes = await asyncio.gather(*(service.end("expire", reservation, ana) for _ in range(3)))
    assert outcomes == [{"status": "EXPIRED", "totalMinor": 3000}] * 3
    assert await stock(POPCORN) == (10, 0, 0)
    assert [event["type"] for event in await published()] == ["concession_order.placed", "concession_order.expired"]
    assert await service.end("expire", uuid4(), ana) == {"status": "NONE", "totalMinor": 0}
    assert await service.end("cancel", reservation, uuid4()) == {"status": "NONE", "totalMinor": 0}


async def test_a_paid_order_does_not_expire_but_can_be_cancelled(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.confirm(reservation, ana)
    assert (await service.end("expire", reservation, ana))["status"] == "PAID"
    assert await stock(POPCORN) == (8, 0, 2)
    for _ in range(2):
        assert await service.end("cancel", reservation, ana) == {"status": "CANCELLED", "totalMinor": 3000}
    assert await stock(POPCORN) == (10, 0, 0)


async def test_late_money_buys_the_same_items_while_stock_lasts(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    await service.end("expire", reservation, ana)
    late = await service.confirm(reservation, ana)
    assert late["status"] == "PAID"
    assert await stock(POPCORN) == (8, 0, 2)
    assert await service.confirm(reservation, ana) == late


async def test_late_money_for_what_is_gone_is_told_to_be_refunded(service: Service, stock: Stock) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2), (SODA, 1)])
    await service.end("expire", reservation, ana)
    await service.place(uuid4(), uuid4(), [(POPCORN, 9)])
    late = await service.confirm(reservation, ana)
    assert (late["status"], late["pickupCode"], late["totalMinor"]) == ("EXPIRED", None, 3900)
    assert await stock(POPCORN) == (1, 9, 0)
    assert await stock(SODA) == (10, 0, 0)


async def test_after_an_expired_order_none_is_placed(service: Service, stock: Stock) -> None:
    """Neither another one nor, by its key, the same again: the reservation is over."""
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)], key="k")
    await service.end("expire", reservation, ana)
    for items, key in (([(SODA, 1)], "other"), ([(POPCORN, 2)], "k")):
        assert (await service.place(reservation, ana, items, key=key))["errors"][0]["code"] == "EXPIRED"
    assert [await stock(POPCORN), await stock(SODA)] == [(10, 0, 0), (10, 0, 0)]


@pytest.mark.parametrize(
    ("document", "variables", "caller"),
    [
        (
            "mutation ($i: PlaceConcessionOrderInput!) { placeConcessionOrder(input: $i) { order { id } } }",
            {"reservationId": str(uuid4()), "venueId": str(VENUE), "items": [], "idempotencyKey": "k"},
            "workers",
        ),
        (
            "mutation ($i: ConfirmConcessionOrderInput!) { confirmConcessionOrder(input: $i) { status } }",
            {"reservationId": str(uuid4()), "customerId": str(uuid4()), "paymentId": str(uuid4())},
            "gateway",
        ),
        (
            "mutation ($i: ExpireConcessionOrderInput!) { expireConcessionOrder(input: $i) { status } }",
            {"reservationId": str(uuid4()), "customerId": str(uuid4())},
            "gateway",
        ),
        (
            "mutation ($i: CancelConcessionOrderInput!) { cancelConcessionOrder(input: $i) { status } }",
            {"reservationId": str(uuid4()), "customerId": str(uuid4())},
            "gateway",
        ),
    ],
)
async def test_internal_operations_refuse_the_wrong_caller(
    service: Service, document: str, variables: dict[str, Any], caller: str
) -> None:
    answer = await service(document, {"i": variables}, caller=caller, customer=uuid4())
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_garbage_for_an_id_is_a_client_error(service: Service) -> None:
    answer = await service(
        "mutation ($i: ExpireConcessionOrderInput!) { expireConcessionOrder(input: $i) { status } }",
        {"i": {"reservationId": "garbage", "customerId": str(uuid4())}},
        caller="workers",
    )
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
