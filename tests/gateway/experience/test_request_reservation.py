"""`requestReservation`: one record and one message for each idempotency key, whatever fails in between."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from gateway.experience.ids import decode, reservation_id
from tests.gateway.experience.conftest import Aws, Buyer, Services, global_id

REQUEST = """mutation ($input: RequestReservationInput!) { requestReservation(input: $input) {
  reservation { id status queuePosition pollAfterMs } errors { __typename code message field } } }"""


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "sessionId": global_id("Session"),
        "sectorId": global_id("Sector"),
        "quantity": 2,
        "seatIds": None,
        "idempotencyKey": str(uuid4()),
        **changes,
    }


async def request(buyer: Buyer, given: dict[str, Any]) -> Any:
    response = await buyer.ask(REQUEST, input=given)
    assert "errors" not in response
    return response["data"]["requestReservation"]


async def test_a_request_is_recorded_put_on_the_queue_and_answered_queued(buyer: Buyer, aws: Aws) -> None:
    given = wanted(quantity=1, seatIds=[global_id("Unit", UUID(int=9))])
    payload = await request(buyer, given)
    assert payload["errors"] == []
    assert payload["reservation"]["status"] == "QUEUED"
    assert payload["reservation"]["queuePosition"] == 1
    assert payload["reservation"]["pollAfterMs"] > 0
    assert buyer.customer_id is not None
    expected = reservation_id(buyer.customer_id, given["idempotencyKey"])
    assert decode("Reservation", payload["reservation"]["id"]) == expected
    (message,) = aws.messages()
    session, sector = decode("Session", given["sessionId"]), decode("Sector", given["sectorId"])
    assert message["group"] == f"{session}:{sector}"
    assert message["reservation_id"] == str(expected)
    assert message["customer_id"] == str(buyer.customer_id)
    assert (message["quantity"], message["seat_ids"], message["sequence"]) == (1, [str(UUID(int=9))], 1)
    record = aws.record(expected)
    assert record["sent"] == {"BOOL": True}
    assert record["customer_id"] == {"S": str(buyer.customer_id)}
    assert buyer.metrics.counted == ["ReservationsRequested"]


async def test_sequences_of_one_sector_follow_each_other(buyer: Buyer, aws: Aws) -> None:
    sector = wanted()
    for _ in range(3):
        await request(buyer, {**sector, "idempotencyKey": str(uuid4())})
    assert [message["sequence"] for message in aws.messages()] == [1, 2, 3]


async def test_a_replay_has_the_state_of_by_now_and_no_second_message(
    buyer: Buyer, aws: Aws, services: Services
) -> None:
    given = wanted()
    first = await request(buyer, given)
    again = await request(buyer, given)  # ticketing is away
    assert again["reservation"]["id"] == first["reservation"]["id"]
    assert again["reservation"]["status"] == "QUEUED"
    held = {"status": "HELD", "queuePosition": None, "pollAfterMs": None}
    services.on("ticketing", "reservation(id", {"reservation": held})
    later = await request(buyer, given)
    assert later["reservation"] == {"id": first["reservation"]["id"], **held}
    assert len(aws.messages()) == 1
    assert buyer.metrics.counted == ["ReservationsRequested"]


async def test_the_same_request_many_times_at_once_is_one_reservation(buyer: Buyer, aws: Aws) -> None:
    given = wanted()
    payloads = await asyncio.gather(*(request(buyer, given) for _ in range(8)))
    assert len({payload["reservation"]["id"] for payload in payloads}) == 1
    assert len(aws.messages()) == 1


async def test_a_key_is_not_used_for_another_input(make_buyer: Callable[..., Buyer], aws: Aws) -> None:
    buyer, given = make_buyer(locale="en"), wanted()
    await request(buyer, given)
    for change in ({"quantity": 3}, {"sectorId": global_id("Sector")}, {"seatIds": [global_id("Unit") for _ in "ab"]}):
        (error,) = (await request(buyer, {**given, **change}))["errors"]
        assert (error["__typename"], error["code"]) == ("IdempotencyKeyReused", "IDEMPOTENCY_KEY_REUSED")
        assert error["field"] == "idempotencyKey"
        assert "already used" in error["message"]
    assert len(aws.messages()) == 1
    other = make_buyer()  # another customer's key is another key
    assert (await request(other, given))["errors"] == []
    aws.messages()


async def test_the_order_of_seats_makes_no_other_input(buyer: Buyer, aws: Aws) -> None:
    seats = [global_id("Unit"), global_id("Unit")]
    given = wanted(seatIds=seats)
    await request(buyer, given)
    assert (await request(buyer, {**given, "seatIds": seats[::-1]}))["errors"] == []
    assert len(aws.messages()) == 1


async def test_when_the_queue_is_down_the_next_try_makes_it_good(make_buyer: Callable[..., Buyer], aws: Aws) -> None:
    broken = make_buyer(queue_url=aws.queue_url.replace("experience", "nowhere"))
    given = wanted()
    payload = await request(broken, given)
    assert payload["reservation"] is None
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    assert broken.customer_id is not None
    record = aws.record(reservation_id(broken.customer_id, given["idempotencyKey"]))
    assert record["sent"] == {"BOOL": False}
    assert aws.messages() == []
    mended = make_buyer(customer_id=broken.customer_id)
    assert (await request(mended, given))["reservation"]["status"] == "QUEUED"
    (message,) = aws.messages()
    assert str(message["sequence"]) == record["sequence"]["N"]
    assert (broken.metrics.counted, mended.metrics.counted) == ([], ["ReservationsRequested"])


async def test_when_the_record_is_down_nothing_is_queued(make_buyer: Callable[..., Buyer], aws: Aws) -> None:
    broken = make_buyer(table="nowhere")
    payload = await request(broken, wanted())
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    assert aws.messages() == []


async def test_nobody_in_particular_cannot_reserve(make_buyer: Callable[..., Buyer], aws: Aws) -> None:
    payload = await request(make_buyer(customer_id=None), wanted())
    assert payload["reservation"] is None
    assert [(error["code"], error["message"]) for error in payload["errors"]] == [
        ("UNAUTHENTICATED", "Entre na sua conta para continuar.")
    ]
    assert aws.messages() == []


UNIT = global_id("Unit")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 11}, "quantity"),
        ({"quantity": 1_000}, "quantity"),
        ({"sessionId": "garbage"}, "sessionId"),
        ({"sessionId": global_id("Event")}, "sessionId"),
        ({"sectorId": "U2VjdG9yOjE="}, "sectorId"),
        ({"sectorId": "é" * 300}, "sectorId"),
        ({"seatIds": []}, "seatIds"),
        ({"seatIds": [UNIT]}, "seatIds"),
        ({"seatIds": [UNIT, UNIT]}, "seatIds"),
        ({"seatIds": [UNIT, global_id("Sector")]}, "seatIds"),
        ({"seatIds": [global_id("Unit") for _ in range(500)]}, "seatIds"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "x" * 201}, "idempotencyKey"),
        ({"idempotencyKey": "two words"}, "idempotencyKey"),
        ({"idempotencyKey": "line\n"}, "idempotencyKey"),
    ],
)
async def test_bad_input_is_told_by_its_field_and_leaves_nothing(
    buyer: Buyer, aws: Aws, change: dict[str, Any], field: str
) -> None:
    payload = await request(buyer, wanted(**change))
    assert payload["reservation"] is None
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("INVALID_INPUT", field)]
    assert aws.messages() == []
    assert buyer.metrics.counted == []
