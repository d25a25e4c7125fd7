"""Requests that nobody would decide: sent, sent again, or ended and told, whatever step was the last."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.experience.request_queue import _item
from gateway.experience.reservation_request import Recorded, ReservationRequest
from tests.workers.deployed import Deployed, eventually
from tests.workers.subgraphs import Down, Refused, Subgraphs
from workers.runtime.errors import TransientFault
from workers.runtime.request_records import RequestRecords
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient
from workers.sweep_requests.sweep import RESENT_AT_MOST, Sweep

RECORDED = "2026-11-24T21:30:00.123Z"
NOTHING = {"sent": 0, "resent": 0, "ended": 0, "tidied": 0}


class Requests:
    """A table and a queue of this test, as gateway and worker leave them, and a sweep whose clock the test sets."""

    def __init__(self, sweep: Sweep, subgraphs: Subgraphs, directed: Callable[..., None]) -> None:
        self.sweep, self.subgraphs, self.directed = sweep, subgraphs, directed
        self.now = datetime.fromisoformat(RECORDED)
        self.decided: set[str] = set()
        self.served: dict[str, tuple[str, int]] = {}
        directed(
            linesServed=lambda ids: [
                {"sessionId": session, "sectorId": sector, "sequence": str(number)}
                for sector, (session, number) in self.served.items()
                if sector in ids
            ],
            decidedReservations=lambda ids: [each for each in ids if each in self.decided],
            failReservationRequest=self._fail,
        )
        self.failed: list[str] = []

    def _fail(self, given: dict[str, Any]) -> dict[str, Any]:
        self.failed.append(given["reservationId"])
        self.decided.add(given["reservationId"])
        return {"reservationId": given["reservationId"], "status": "REJECTED_INVALID", "heldUntil": None}

    @property
    def records(self) -> RequestRecords:
        return self.sweep.records

    def record(self, *, seats: int = 0, line: tuple[Any, Any] | None = None) -> ReservationRequest:
        """Recorded and not sent: the gateway died in between."""
        session, sector = line or (uuid4(), uuid4())
        named = tuple(uuid4() for _ in range(seats)) or None
        request = ReservationRequest(uuid4(), uuid4(), f"k-{uuid4()}", session, sector, seats or 2, named)
        self.records.dynamodb.put_item(TableName=self.records.table, Item=_item(request, RECORDED))
        return request

    def send(self, request: ReservationRequest, *, place: bool = True) -> int:
        """As the gateway sends it; without its place being written the gateway died after the queue had taken it."""
        answer = self.sweep.sqs.send_message(
            QueueUrl=self.sweep.queue_url,
            MessageBody=Recorded(request, RECORDED).message().decode(),
            MessageGroupId=request.group,
            MessageDeduplicationId=str(request.reservation_id),
        )
        number = int(answer["SequenceNumber"])
        if place:
            self.put(request, line={"S": request.group}, sequence={"S": f"{number:039}"}, since={"S": RECORDED})
        return number

    def put(self, request: ReservationRequest, **attributes: Any) -> None:
        table = self.records.table
        item = self.item(request) | attributes
        self.records.dynamodb.put_item(TableName=table, Item=item)

    def item(self, request: ReservationRequest) -> dict[str, Any]:
        key: Any = {"reservation_id": {"S": str(request.reservation_id)}}
        found: dict[str, Any] = self.records.dynamodb.get_item(TableName=self.records.table, Key=key)["Item"]
        return found

    def serve(self, request: ReservationRequest, number: int) -> None:
        self.served[str(request.sector_id)] = (str(request.session_id), number)

    def messages(self) -> list[dict[str, Any]]:
        """What lies on the queue, taken from it."""
        taken: list[Any] = []
        while found := self.sweep.sqs.receive_message(
            QueueUrl=self.sweep.queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages"):
            for message in found:
                self.sweep.sqs.delete_message(QueueUrl=self.sweep.queue_url, ReceiptHandle=message["ReceiptHandle"])
            taken += found
        return taken

    def run(self, after: timedelta) -> dict[str, int]:
        self.now = datetime.fromisoformat(RECORDED) + after
        return self.sweep.run()

    def waiting(self) -> list[str]:
        return sorted(each.reservation_id for each in self.records.waiting(1_000))


@pytest.fixture
def requests(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], signing_key: Any
) -> Iterator[Requests]:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sqs, dynamodb = deployed.aws("sqs"), deployed.aws("dynamodb")
    url = sqs.create_queue(QueueName=f"swept-{uuid4()}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    likeness = dynamodb.describe_table(TableName=deployed.outputs["ReservationRequestsTable"])["Table"]
    table = f"swept-{uuid4()}"
    dynamodb.create_table(
        TableName=table,
        KeySchema=likeness["KeySchema"],
        AttributeDefinitions=likeness["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
            for index in likeness["GlobalSecondaryIndexes"]
        ],
    )
    made: list[Requests] = []
    with httpx.HTTPTransport() as transport:
        services = SubgraphClient(
            {"ticketing": subgraphs.url("ticketing")}, ServiceTokens(lambda: pem), transport=transport
        )
        sweep = Sweep(services, RequestRecords(table, dynamodb), sqs, url, lambda: made[0].now)
        made.append(Requests(sweep, subgraphs, directed))
        yield made[0]
    sqs.delete_queue(QueueUrl=url)
    dynamodb.delete_table(TableName=table)


HALF_A_MINUTE, TWO_MINUTES, LONG = timedelta(seconds=31), timedelta(seconds=121), timedelta(minutes=31)


@pytest.mark.parametrize("seats", [0, 3])
def test_what_was_recorded_and_not_sent_is_sent_as_the_gateway_would_have(requests: Requests, seats: int) -> None:
    request = requests.record(seats=seats)
    assert requests.run(timedelta(seconds=29)) == NOTHING  # the gateway may be about to
    assert requests.run(HALF_A_MINUTE) == {**NOTHING, "sent": 1}
    (message,) = requests.messages()
    assert json.loads(message["Body"]) == json.loads(Recorded(request, RECORDED).message())
    assert message["Attributes"]["MessageGroupId"] == request.group
    assert message["Attributes"]["MessageDeduplicationId"] == str(request.reservation_id)
    item = requests.item(request)
    assert (item["line"]["S"], int(item["sequence"]["S"])) == (
        request.group,
        int(message["Attributes"]["SequenceNumber"]),
    )


def test_what_was_sent_without_its_place_being_written_is_on_the_queue_once(requests: Requests) -> None:
    request = requests.record()
    number = requests.send(request, place=False)
    assert requests.run(HALF_A_MINUTE)["sent"] == 1
    assert len(requests.messages()) == 1
    assert int(requests.item(request)["sequence"]["S"]) == number


def test_a_request_that_others_have_overtaken_is_sent_again_and_those_who_wait_are_left_alone(
    requests: Requests,
) -> None:
    """The line has been served beyond it: its message is lost, or among the dead letters."""
    line = (uuid4(), uuid4())
    lost, waiting = requests.record(line=line), requests.record(line=line)
    number, behind = requests.send(lost), requests.send(waiting)
    requests.serve(lost, number)
    before = len(requests.messages())
    requests.send(requests.record())  # somebody else's, so that the queue is not empty
    assert requests.run(timedelta(seconds=59)) == NOTHING  # the worker may be about to take it out of the line
    assert requests.run(timedelta(seconds=61)) == {**NOTHING, "resent": 1}
    again = [message for message in requests.messages() if str(lost.reservation_id) in message["Body"]]
    assert (before, len(again)) == (2, 1)
    assert int(requests.item(lost)["sequence"]["S"]) == int(again[0]["Attributes"]["SequenceNumber"]) > behind
    assert int(requests.item(waiting)["sequence"]["S"]) == behind


def test_what_is_decided_and_still_in_line_is_only_tidied(requests: Requests) -> None:
    """The worker died between ticketing's answer and its own last step."""
    request = requests.record()
    number = requests.send(request)
    requests.serve(request, number)
    requests.decided.add(str(request.reservation_id))
    requests.messages()
    assert requests.run(TWO_MINUTES) == {**NOTHING, "tidied": 1}
    assert (requests.messages(), requests.waiting()) == ([], [])


def test_an_empty_queue_has_lost_whatever_is_undecided_and_it_is_sent_again_in_its_order(requests: Requests) -> None:
    line = (uuid4(), uuid4())
    lost = [requests.record(line=line) for _ in range(5)]
    for request in lost:
        requests.send(request)
    requests.messages()  # as when the queue is gone
    assert requests.run(timedelta(seconds=119)) == NOTHING
    assert requests.run(TWO_MINUTES) == {**NOTHING, "resent": 5}
    sent = [json.loads(message["Body"])["reservation_id"] for message in requests.messages()]
    assert sent == [str(request.reservation_id) for request in lost]


def test_a_long_line_is_not_sent_twice_while_it_is_served(requests: Requests) -> None:
    """Twenty minutes in a queue that is not empty and has not come to it yet: only later is it doubted."""
    request = requests.record()
    number = requests.send(request)
    assert requests.run(timedelta(minutes=20)) == NOTHING
    assert requests.run(LONG) == {**NOTHING, "resent": 1}
    assert len(requests.messages()) == 2
    assert int(requests.item(request)["sequence"]["S"]) == number  # its first message may still be served


def test_what_stays_undecided_however_often_it_is_sent_is_ended_and_told(requests: Requests) -> None:
    request = requests.record()
    number = requests.send(request)
    for round_ in range(RESENT_AT_MOST):
        requests.serve(request, number)
        requests.messages()
        requests.put(request, since={"S": RECORDED})
        assert requests.run(TWO_MINUTES) == {**NOTHING, "resent": 1}
        assert requests.item(request)["resent"] == {"N": str(round_ + 1)}
        number = int(requests.item(request)["sequence"]["S"])
    requests.messages()
    requests.put(request, since={"S": RECORDED})
    assert requests.run(TWO_MINUTES) == {**NOTHING, "ended": 1}
    assert requests.failed == [str(request.reservation_id)]
    assert (requests.waiting(), requests.run(LONG), requests.messages()) == ([], NOTHING, [])


def test_a_sweep_that_dies_before_it_has_counted_puts_nothing_on_the_queue_twice(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = requests.record()
    requests.serve(request, requests.send(request))
    requests.messages()

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(RequestRecords, "move", die)
        with pytest.raises(SystemExit):
            requests.run(TWO_MINUTES)
    assert requests.run(TWO_MINUTES)["resent"] == 1
    assert len(requests.messages()) == 1


def test_while_ticketing_is_down_nothing_is_judged_and_what_was_not_sent_is_sent_all_the_same(
    requests: Requests,
) -> None:
    unsent, undecided = requests.record(), requests.record()
    requests.send(undecided)
    requests.messages()

    def down(_: Any) -> Any:
        raise Down

    requests.directed(linesServed=down)
    with pytest.raises(TransientFault):
        requests.run(TWO_MINUTES)
    (message,) = requests.messages()
    assert json.loads(message["Body"])["reservation_id"] == str(unsent.reservation_id)


def test_what_is_decided_while_the_sweep_looks_is_not_sent_again(requests: Requests) -> None:
    request = requests.record()
    requests.send(request)
    requests.messages()

    def decide_just_after(ids: list[str]) -> list[str]:
        requests.records.leave_line(ids)
        return []

    requests.directed(decidedReservations=decide_just_after)
    assert requests.run(TWO_MINUTES) == NOTHING
    assert requests.messages() == []


def test_one_that_cannot_even_be_ended_holds_up_no_other(requests: Requests) -> None:
    poison, lost = requests.record(), requests.record()
    for request in (poison, lost):
        requests.send(request)
    requests.put(poison, resent={"N": str(RESENT_AT_MOST)})
    requests.messages()

    def refuse(_: Any) -> Any:
        raise Refused("BAD_USER_INPUT")

    requests.directed(failReservationRequest=refuse)
    assert requests.run(TWO_MINUTES) == {**NOTHING, "resent": 1}
    assert str(poison.reservation_id) in requests.waiting()


def test_the_deployed_sweep_may_do_what_it_does(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """Unsent in the deployed table: the function sends it, and the deployed worker has it decided."""
    directed(
        allocateReservations=lambda asked: [
            {"reservationId": each["reservationId"], "status": "REJECTED_SOLD_OUT", "heldUntil": None} for each in asked
        ]
    )
    request = ReservationRequest(uuid4(), uuid4(), str(uuid4()), uuid4(), uuid4(), 1)
    minutes_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    table = deployed.outputs["ReservationRequestsTable"]
    deployed.aws("dynamodb").put_item(TableName=table, Item=_item(request, minutes_ago))
    assert deployed.invoke("sweep-requests", {})["sent"] == 1

    def decided() -> Any:
        key = {"reservation_id": {"S": str(request.reservation_id)}}
        item = deployed.aws("dynamodb").get_item(TableName=table, Key=key)["Item"]
        return item if "decided" in item else None

    assert "line" not in eventually(decided, 60, "the decision")
    (asked,) = subgraphs.asked("allocateReservations")
    assert asked[0]["reservationId"] == str(request.reservation_id)
