"""`payReservation`: freeze the hold, reserve the concessions, create the payment; each error ends it where it is."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.gateway.experience.conftest import Buyer, Services, global_id

PAY = """mutation ($input: PayReservationInput!) { payReservation(input: $input) {
  payment { id } reservation { id }
  errors { __typename code message field ... on OutOfStock { productIds }
    ... on ProductAgeRestricted { productIds } } } }"""
CHECKOUT = {
    "totalMinor": 20_000,
    "currency": "BRL",
    "heldUntil": "2026-12-01T12:00:00Z",
    "sessionDay": "2026-12-05",
    "venueId": str(UUID(int=5)),
    "eventName": "Final " + "x" * 200,
}
PAYMENT = global_id("Payment")
BEER = UUID(int=7)


def begun(**more: Any) -> Any:
    return {"beginCheckout": {"checkout": CHECKOUT, "errors": [], **more}}


def placed(order: Any = None, errors: Any = ()) -> Any:
    return {"placeConcessionOrder": {"order": order, "errors": list(errors)}}


def created(payment: Any, errors: Any = ()) -> Any:
    return {"createPayment": {"payment": payment, "errors": list(errors)}}


def submitted(payment: Any, errors: Any = ()) -> Any:
    return {"submitPayment": {"payment": payment, "errors": list(errors)}}


@pytest.fixture
def willing(services: Services) -> Services:
    """Every service does what it is asked."""
    services.on("ticketing", "beginCheckout", begun())
    services.on("customers", "customerProfile", {"customerProfile": {"birthDate": "1990-05-01"}})
    services.on("concessions", "placeConcessionOrder", placed({"totalMinor": 1_500, "currency": "BRL"}))
    services.on("payments", "createPayment", created({"id": PAYMENT}))
    services.on("payments", "submitPayment", submitted({"id": PAYMENT}))
    return services


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "reservationId": global_id("Reservation", UUID(int=3)),
        "method": "PIX",
        "idempotencyKey": str(uuid4()),
        **changes,
    }


async def pay(buyer: Buyer, given: dict[str, Any]) -> Any:
    response = await buyer.ask(PAY, input=given)
    assert "errors" not in response
    return response["data"]["payReservation"]


async def test_tickets_and_concessions_are_paid_together(buyer: Buyer, willing: Services) -> None:
    items = [{"productId": global_id("Product", BEER), "quantity": count} for count in (1, 2)]
    given = wanted(concessions=items)
    payload = await pay(buyer, given)
    assert payload == {"payment": {"id": PAYMENT}, "reservation": {"id": given["reservationId"]}, "errors": []}
    assert [name for name, _ in willing.asked] == ["ticketing", "customers", "concessions", "payments", "payments"]
    assert willing.variables("payments", "submitPayment") == [{"input": {"paymentId": PAYMENT}}]
    (order,) = willing.variables("concessions", "placeConcessionOrder")
    assert order["input"]["items"] == [{"productId": str(BEER), "quantity": 3}]
    assert (order["input"]["venueId"], order["input"]["birthDate"]) == (CHECKOUT["venueId"], "1990-05-01")
    assert order["input"]["sessionDay"] == CHECKOUT["sessionDay"]
    (payment,) = willing.variables("payments", "createPayment")
    assert payment["input"]["amountMinor"] == 21_500
    assert payment["input"]["reference"] == f"reservation:{UUID(int=3)}"
    assert payment["input"]["expiresAt"] == CHECKOUT["heldUntil"]
    assert len(payment["input"]["description"]) == 140
    assert payment["input"]["card"] is None
    assert datetime.fromisoformat(payment["input"]["askedAt"]) <= datetime.now(UTC)
    assert payment["input"]["idempotencyKey"] != order["input"]["idempotencyKey"]
    assert all(left > 0 for left in willing.left)


async def test_without_concessions_an_earlier_choice_is_taken_back(buyer: Buyer, willing: Services) -> None:
    willing.on("concessions", "placeConcessionOrder", placed())
    assert (await pay(buyer, wanted()))["payment"] == {"id": PAYMENT}
    (order,) = willing.variables("concessions", "placeConcessionOrder")
    assert order["input"]["items"] == []
    (payment,) = willing.variables("payments", "createPayment")
    assert payment["input"]["amountMinor"] == 20_000


async def test_a_replay_is_answered_from_its_record(buyer: Buyer, willing: Services) -> None:
    given = wanted()
    first = await pay(buyer, given)
    asked = len(willing.asked)
    assert await pay(buyer, given) == first
    assert len(willing.asked) == asked


async def test_a_key_is_not_used_for_another_payment(buyer: Buyer, willing: Services) -> None:
    given = wanted()
    await pay(buyer, given)
    asked = len(willing.asked)
    payload = await pay(buyer, {**given, "method": "CARD", "card": {"paymentMethodId": "pm_card_visa"}})
    assert payload["payment"] is None
    assert [(error["__typename"], error["field"]) for error in payload["errors"]] == [
        ("IdempotencyKeyReused", "idempotencyKey")
    ]
    assert len(willing.asked) == asked


async def test_after_a_fault_the_same_key_goes_on_with_the_same_steps(buyer: Buyer, willing: Services) -> None:
    willing.on("payments", "createPayment", httpx.ReadTimeout("the bank is slow"))
    given = wanted()
    payload = await pay(buyer, given)
    assert (payload["payment"], [error["code"] for error in payload["errors"]]) == (None, ["SERVICE_UNAVAILABLE"])
    willing.on("payments", "createPayment", created({"id": PAYMENT}))
    assert (await pay(buyer, given))["payment"] == {"id": PAYMENT}
    keys = {one["input"]["idempotencyKey"] for one in willing.variables("payments", "createPayment")}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("service", "text", "code"),
    [
        ("ticketing", "beginCheckout", "NOT_FOUND"),
        ("ticketing", "beginCheckout", "EXPIRED"),
        ("concessions", "placeConcessionOrder", "OUT_OF_STOCK"),
        ("concessions", "placeConcessionOrder", "AGE_RESTRICTED"),
        ("concessions", "placeConcessionOrder", "INVALID_STATE"),
        ("payments", "createPayment", "PAYMENT_DECLINED"),
        ("payments", "createPayment", "SERVICE_UNAVAILABLE"),
        ("payments", "createPayment", "AMOUNT_TOO_SMALL"),
        ("payments", "submitPayment", "SERVICE_UNAVAILABLE"),
        ("payments", "submitPayment", "INVALID_STATE"),
    ],
)
async def test_what_a_service_refuses_ends_the_steps_and_is_passed_on(
    buyer: Buyer, willing: Services, service: str, text: str, code: str
) -> None:
    facts = {"productIds": [global_id("Product", BEER)]} if service == "concessions" else {}
    error = {"code": code, "message": "Porque não.", "field": "items" if facts else None, **facts}
    refusal = {"ticketing": begun(checkout=None, errors=[error]), "concessions": placed(None, [error])}
    by_payments = submitted(None, [error]) if text == "submitPayment" else created(None, [error])
    willing.on(service, text, refusal.get(service, by_payments))
    payload = await pay(buyer, wanted(concessions=[{"productId": global_id("Product", BEER), "quantity": 1}]))
    assert payload["payment"] is None
    (told,) = payload["errors"]
    assert (told["code"], told["message"]) == (code, "Porque não.")
    assert (payload["reservation"] is None) is (service == "ticketing")
    if code in {"OUT_OF_STOCK", "AGE_RESTRICTED"}:
        assert (told["productIds"], told["field"]) == (facts["productIds"], "concessions")
    order = ["ticketing", "customers", "concessions", "payments"]
    assert {name for name, _ in willing.asked} == set(order[: order.index(service) + 1])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        # Concessions is asked for soda (1) and beer (7) in this order; the client named beer first, and twice.
        ("items.0.productId", "concessions.2.productId"),
        ("items.1.productId", "concessions.0.productId"),
        ("items.1.quantity", "concessions.0.quantity"),
        ("items", "concessions"),
        ("card.paymentMethodId", "card.paymentMethodId"),
        ("items.9.productId", "concessions.9.productId"),
        ("itemsOfOthers", None),
        ("venueId", None),
        ("", None),
    ],
)
async def test_an_error_names_the_place_in_the_client_s_own_input(
    buyer: Buyer, willing: Services, theirs: str, ours: str | None
) -> None:
    willing.on("concessions", "placeConcessionOrder", placed(None, [{"code": "NOT_FOUND", "field": theirs}]))
    beer, soda = global_id("Product", BEER), global_id("Product", UUID(int=1))
    items = [{"productId": product, "quantity": 1} for product in (beer, beer, soda)]
    payload = await pay(buyer, wanted(concessions=items))
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("NOT_FOUND", ours)]


async def test_a_declined_card_still_shows_its_payment_and_may_be_tried_again(buyer: Buyer, willing: Services) -> None:
    declined = {"code": "PAYMENT_DECLINED", "message": "Recusado.", "field": "card"}
    willing.on("payments", "submitPayment", submitted({"id": PAYMENT}, [declined]))
    given = wanted(method="CARD", card={"paymentMethodId": "pm_card_chargeDeclined"})
    payload = await pay(buyer, given)
    assert payload["payment"] == {"id": PAYMENT}
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("PAYMENT_DECLINED", "card")]
    await pay(buyer, given)
    assert len(willing.variables("payments", "createPayment")) == 2
    assert willing.variables("payments", "createPayment")[0]["input"]["card"] == {
        "paymentMethodId": "pm_card_chargeDeclined"
    }


FREE = begun(checkout={**CHECKOUT, "totalMinor": 0})


# What costs nothing: payments is not asked, and the reservation is to be followed; a replay is the same answer.
@pytest.mark.parametrize("method", ["PIX", "CARD"])
async def test_what_costs_nothing_is_taken_without_a_payment(buyer: Buyer, willing: Services, method: str) -> None:
    willing.on("ticketing", "beginCheckout", FREE)
    willing.on("ticketing", "settleFreeReservation", {"settleFreeReservation": {"errors": []}})
    willing.on("concessions", "placeConcessionOrder", placed())
    willing.answers["payments"].clear()
    given = wanted(method=method, **({"card": {"paymentMethodId": "pm_card_visa"}} if method == "CARD" else {}))
    expected = {"payment": None, "reservation": {"id": given["reservationId"]}, "errors": []}
    assert await pay(buyer, given) == expected
    assert willing.variables("ticketing", "settleFree") == [{"input": {"reservationId": str(UUID(int=3))}}]
    asked = len(willing.asked)
    assert await pay(buyer, given) == expected
    assert len(willing.asked) == asked


@pytest.mark.parametrize("code", ["EXPIRED", "INVALID_STATE", "AMOUNT_MISMATCH"])
async def test_what_costs_nothing_and_cannot_be_had_is_refused(buyer: Buyer, willing: Services, code: str) -> None:
    willing.on("ticketing", "beginCheckout", FREE)
    error = {"code": code, "message": "Porque não.", "field": "reservationId"}
    willing.on("ticketing", "settleFreeReservation", {"settleFreeReservation": {"errors": [error]}})
    willing.on("concessions", "placeConcessionOrder", placed())
    payload = await pay(buyer, wanted())
    assert (payload["payment"], [(one["code"], one["field"]) for one in payload["errors"]]) == (
        None,
        [(code, "reservationId")],
    )


# Popcorn is paid for, whatever the tickets cost.
async def test_concessions_to_free_tickets_are_paid(buyer: Buyer, willing: Services) -> None:
    willing.on("ticketing", "beginCheckout", FREE)
    items = [{"productId": global_id("Product", BEER), "quantity": 1}]
    assert (await pay(buyer, wanted(concessions=items)))["payment"] == {"id": PAYMENT}
    assert willing.variables("payments", "createPayment")[0]["input"]["amountMinor"] == 1_500


# The payment is recorded, and its submission is not answered: no error, for it may be charged, but a payment to follow.
@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("the bank is slow"),
        httpx.Response(503),
        httpx.Response(401, json={"errors": [{"message": "no token"}]}),
        httpx.Response(200, json={"data": None, "errors": [{"message": "x", "extensions": {"code": "FORBIDDEN"}}]}),
    ],
)
async def test_a_submission_in_doubt_is_a_payment_to_follow(
    buyer: Buyer, willing: Services, answer: httpx.Response | Exception
) -> None:
    willing.on("payments", "submitPayment", answer)
    given = wanted(method="CARD", card={"paymentMethodId": "pm_card_visa"})
    payload = await pay(buyer, given)
    assert (payload["payment"], payload["errors"]) == ({"id": PAYMENT}, [])
    # The same key again asks again what became of it, and goes on.
    willing.on("payments", "submitPayment", submitted({"id": PAYMENT}))
    assert (await pay(buyer, given))["payment"] == {"id": PAYMENT}
    keys = [one["input"]["idempotencyKey"] for one in willing.variables("payments", "createPayment")]
    assert (len(keys), len(set(keys))) == (2, 1)
    asked = len(willing.asked)
    await pay(buyer, given)
    assert len(willing.asked) == asked


# However little time is left, who has a payment is told of it.
async def test_the_payment_is_told_before_the_time_is_over(make_buyer: Callable[..., Buyer], willing: Services) -> None:
    late = make_buyer(seconds=0.45)
    payload = await asyncio.wait_for(pay(late, wanted()), 5)
    assert (payload["payment"], payload["errors"]) == ({"id": PAYMENT}, [])
    assert willing.variables("payments", "submitPayment") == []


@pytest.mark.parametrize("away", ["ticketing", "concessions", "payments"])
async def test_when_a_service_is_away_nothing_is_charged(buyer: Buyer, willing: Services, away: str) -> None:
    willing.answers[away].clear()
    payload = await pay(buyer, wanted(concessions=[{"productId": global_id("Product"), "quantity": 1}]))
    assert payload["payment"] is None
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    if away != "payments":
        assert willing.variables("payments", "createPayment") == []


async def test_an_age_that_cannot_be_asked_is_left_to_concessions_as_unknown(buyer: Buyer, willing: Services) -> None:
    willing.answers["customers"].clear()
    payload = await pay(buyer, wanted(concessions=[{"productId": global_id("Product"), "quantity": 1}]))
    assert payload["payment"] == {"id": PAYMENT}
    assert willing.variables("concessions", "placeConcessionOrder")[0]["input"]["birthDate"] is None


async def test_tickets_can_be_paid_while_concessions_are_away(buyer: Buyer, willing: Services) -> None:
    willing.answers["concessions"].clear()
    assert (await pay(buyer, wanted()))["payment"] == {"id": PAYMENT}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"errors": [{"message": "no token"}]}),
        httpx.Response(
            200, json={"data": None, "errors": [{"message": "x", "extensions": {"code": "BAD_USER_INPUT"}}]}
        ),
    ],
)
async def test_a_refusal_that_no_customer_caused_is_a_fault_of_ours(
    buyer: Buyer, willing: Services, answer: httpx.Response
) -> None:
    willing.on("ticketing", "beginCheckout", answer)
    payload = await pay(buyer, wanted())
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    assert len(willing.asked) == 1  # asking again would not help


async def test_without_a_record_of_keys_nothing_is_begun(make_buyer: Callable[..., Buyer], willing: Services) -> None:
    payload = await pay(make_buyer(table="nowhere"), wanted())
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    assert willing.asked == []


async def test_nobody_in_particular_cannot_pay(make_buyer: Callable[..., Buyer], willing: Services) -> None:
    payload = await pay(make_buyer(customer_id=None), wanted())
    assert [error["code"] for error in payload["errors"]] == ["UNAUTHENTICATED"]
    assert willing.asked == []


PRODUCT = global_id("Product")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"reservationId": "garbage"}, "NOT_FOUND", "reservationId"),
        ({"reservationId": PRODUCT}, "NOT_FOUND", "reservationId"),
        ({"idempotencyKey": ""}, "INVALID_INPUT", "idempotencyKey"),
        ({"method": "CARD"}, "INVALID_INPUT", "card"),
        ({"method": "PIX", "card": {"paymentMethodId": "pm_card_visa"}}, "INVALID_INPUT", "card"),
        ({"method": "CARD", "card": {"paymentMethodId": ""}}, "INVALID_INPUT", "card"),
        ({"concessions": [{"productId": "x", "quantity": 1}]}, "NOT_FOUND", "concessions.0.productId"),
        ({"concessions": [{"productId": PRODUCT, "quantity": 0}]}, "INVALID_INPUT", "concessions.0.quantity"),
        ({"concessions": [{"productId": PRODUCT, "quantity": 11}] * 2}, "INVALID_INPUT", "concessions.1.quantity"),
        ({"concessions": [{"productId": PRODUCT, "quantity": 1}] * 21}, "INVALID_INPUT", "concessions"),
    ],
)
async def test_bad_input_is_told_by_its_field_before_anybody_is_asked(
    buyer: Buyer, willing: Services, change: dict[str, Any], code: str, field: str
) -> None:
    payload = await pay(buyer, wanted(**change))
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [(code, field)]
    assert willing.asked == []
