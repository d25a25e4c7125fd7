"""`requestReservation`: one record and one message for each idempotency key, whatever fails in between."""

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
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


WITHOUT_POSITION = REQUEST.replace("queuePosition ", "")
HELD: dict[str, Any] = {"status": "HELD", "queuePosition": None, "pollAfterMs": None}


def recorded_sequence(aws: Aws, payload: Any) -> int:
    """The place in line that the record keeps."""
    (kept,) = aws.record(decode("Reservation", payload["reservation"]["id"]) or "")["sequence"].values()
    return int(kept)


async def request(buyer: Buyer, given: dict[str, Any], query: str = REQUEST) -> Any:
    response = await buyer.ask(query, input=given)
    assert "errors" not in response
    return response["data"]["requestReservation"]


async def test_a_request_is_recorded_put_on_the_queue_and_answered_queued(
    buyer: Buyer, aws: Aws, services: Services
) -> None:
    services.on("ticketing", "queuePosition(", {"queuePosition": 7})
    given = wanted(quantity=1, seatIds=[global_id("Unit", UUID(int=9))])
    payload = await request(buyer, given)
    assert payload["errors"] == []
    assert payload["reservation"]["status"] == "QUEUED"
    assert payload["reservation"]["queuePosition"] == 7
    assert payload["reservation"]["pollAfterMs"] > 0
    assert buyer.customer_id is not None
    expected = reservation_id(buyer.customer_id, given["idempotencyKey"])
    assert decode("Reservation", payload["reservation"]["id"]) == expected
    (message,) = aws.messages()
    session, sector = decode("Session", given["sessionId"]), decode("Sector", given["sectorId"])
    assert message["group"] == f"{session}:{sector}"
    assert message["reservation_id"] == str(expected)
    assert message["customer_id"] == str(buyer.customer_id)
    assert (message["quantity"], message["seat_ids"]) == (1, [str(UUID(int=9))])
    record = aws.record(expected)
    assert record["line"] == {"S": message["group"]}
    assert record["sequence"] == {"S": message["number"].zfill(39)}
    (place,) = services.variables("ticketing", "queuePosition(")
    assert place == {"session": str(session), "sector": str(sector), "sequence": str(int(message["number"]))}
    assert record["customer_id"] == {"S": str(buyer.customer_id)}
    assert buyer.metrics.counted == ["ReservationsRequested"]


async def test_the_position_is_asked_of_ticketing_only_when_it_is_wanted(
    buyer: Buyer, aws: Aws, services: Services
) -> None:
    payload = await request(buyer, wanted(), WITHOUT_POSITION)
    assert payload["reservation"]["status"] == "QUEUED"
    assert services.asked == []
    aws.messages()


# The reservation is in line whether or not its number can be told.
async def test_a_position_that_cannot_be_had_is_null_and_waited_for_no_longer_than_a_moment(
    buyer: Buyer, aws: Aws, services: Services
) -> None:
    payload = await request(buyer, wanted())  # ticketing is away
    assert (payload["errors"], payload["reservation"]["queuePosition"]) == ([], None)
    services.on("ticketing", "queuePosition(", {"queuePosition": 3})
    await request(buyer, wanted())
    assert services.left
    assert max(services.left) <= 0.3
    aws.messages()


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


async def test_a_request_costs_three_calls_of_aws_and_a_replay_one(buyer: Buyer, aws: Aws, services: Services) -> None:
    services.on("ticketing", "reservation(id", {"reservation": {**HELD}})
    calls: list[str] = []
    buyer.on_aws_call(calls.append)
    given = wanted()
    await request(buyer, given)
    assert calls == ["PutItem", "SendMessage", "UpdateItem"]
    calls.clear()
    await request(buyer, given)
    assert calls == ["PutItem"]
    aws.messages()


# The first who asks is held up on the way to the queue and is overtaken: 1 is then served after 2.
async def test_the_order_is_that_of_the_queue_not_that_of_the_asking(buyer: Buyer, aws: Aws) -> None:
    overtaken = threading.Event()
    held_up: list[str] = []

    def hold_up_the_first(operation: str) -> None:
        if operation == "SendMessage" and not held_up:
            held_up.append(operation)
            overtaken.wait(10)

    buyer.on_aws_call(hold_up_the_first)
    sector = wanted()
    first = asyncio.create_task(request(buyer, sector))
    while not held_up:  # noqa: ASYNC110 - it is told by a thread
        await asyncio.sleep(0.01)
    second = await request(buyer, {**sector, "idempotencyKey": str(uuid4())})
    overtaken.set()
    order = [await first, second]
    order.sort(key=lambda payload: recorded_sequence(aws, payload))
    assert [str(decode("Reservation", each["reservation"]["id"])) for each in order] == [
        message["reservation_id"] for message in aws.messages()
    ]


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
    assert record["line"] == {"S": f"unsent:{record['reservation_id']['S']}"}
    assert aws.messages() == []
    mended = make_buyer(customer_id=broken.customer_id)
    assert (await request(mended, given))["reservation"]["status"] == "QUEUED"
    (message,) = aws.messages()
    assert message["requested_at"] == record["requested_at"]["S"]
    assert (broken.metrics.counted, mended.metrics.counted) == ([], ["ReservationsRequested"])


async def test_when_the_record_is_down_nothing_is_queued(make_buyer: Callable[..., Buyer], aws: Aws) -> None:
    broken = make_buyer(table="nowhere")
    payload = await request(broken, wanted())
    assert [error["code"] for error in payload["errors"]] == ["SERVICE_UNAVAILABLE"]
    assert aws.messages() == []


# Each step but the first has one before it that may be the last: the process is killed, or the answer is lost.
@pytest.mark.parametrize(
    ("lost", "left"), [("PutItem", "nothing"), ("SendMessage", "a record"), ("UpdateItem", "a record and a message")]
)
async def test_whatever_step_is_the_last_the_same_request_again_makes_it_one(
    make_buyer: Callable[..., Buyer], aws: Aws, lost: str, left: str
) -> None:
    killed, given = make_buyer(), wanted()

    def end_before(operation: str) -> None:
        if operation == lost:
            raise SystemExit

    killed.on_aws_call(end_before)
    with pytest.raises(SystemExit):
        await killed.ask(REQUEST, input=given)
    assert killed.customer_id is not None
    id_ = reservation_id(killed.customer_id, given["idempotencyKey"])
    assert (aws.record(id_) is not None) == (left != "nothing")
    again = make_buyer(customer_id=killed.customer_id)
    assert (await request(again, given))["reservation"]["status"] == "QUEUED"
    (message,) = aws.messages()
    assert aws.record(id_)["sequence"] == {"S": message["number"].zfill(39)}


# The worker may be quicker than the gateway's third call.
async def test_a_request_that_is_decided_at_once_is_not_put_back_into_its_line(buyer: Buyer, aws: Aws) -> None:
    given = wanted()
    assert buyer.customer_id is not None
    id_ = reservation_id(buyer.customer_id, given["idempotencyKey"])

    def decide(operation: str) -> None:
        if operation == "UpdateItem":
            key = {"reservation_id": {"S": str(id_)}}
            aws.dynamodb.update_item(TableName=aws.table, Key=key, UpdateExpression="REMOVE line")

    buyer.on_aws_call(decide)
    assert (await request(buyer, given, WITHOUT_POSITION))["errors"] == []
    assert "line" not in aws.record(id_)
    aws.messages()


# What a client who leaves has begun is brought to its end; nothing half-done is left for the sweep.
async def test_a_client_who_leaves_in_between_leaves_a_whole_request(buyer: Buyer, aws: Aws) -> None:
    given, recorded = wanted(), threading.Event()

    def note(operation: str) -> None:
        if operation == "SendMessage":
            recorded.set()

    buyer.on_aws_call(note)
    asking = asyncio.create_task(request(buyer, given))
    await asyncio.to_thread(recorded.wait, 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await idle(buyer)
    (message,) = aws.messages()
    assert buyer.customer_id is not None
    record = aws.record(reservation_id(buyer.customer_id, given["idempotencyKey"]))
    assert record["sequence"] == {"S": message["number"].zfill(39)}


async def test_a_hundred_clients_who_leave_at_any_moment_leave_no_place_taken_and_nothing_half_done(
    buyer: Buyer, aws: Aws
) -> None:
    moments = random.Random(8)
    given = [wanted() for _ in range(100)]

    async def leave(each: dict[str, Any]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(moments.uniform(0, 0.3)):
                await request(buyer, each, WITHOUT_POSITION)

    await asyncio.gather(*(leave(each) for each in given))
    await idle(buyer)
    messages = {message["reservation_id"] for message in aws.messages()}
    assert buyer.customer_id is not None
    ids = [reservation_id(buyer.customer_id, each["idempotencyKey"]) for each in given]
    records = {str(id_): record for id_ in ids if (record := aws.record(id_)) is not None}
    assert records.keys() == messages
    assert not [record for record in records.values() if record["line"]["S"].startswith("unsent:")]
    assert (await request(buyer, wanted()))["errors"] == []
    aws.messages()


async def idle(buyer: Buyer) -> None:
    async with asyncio.timeout(20):
        while buyer.clients.lane.taken:  # noqa: ASYNC110 - threads give the places back
            await asyncio.sleep(0.01)


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
