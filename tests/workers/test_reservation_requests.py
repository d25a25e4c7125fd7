"""Requests from the queue: allocated in their order, in one call per batch; a hold starts its flow."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from gateway.experience.reservation_request import Recorded, ReservationRequest
from tests.workers.buyers import in_seconds
from tests.workers.deployed import Deployed
from tests.workers.subgraphs import Down, Refused, Subgraphs
from workers.reservation_requests.handle_batch import Worker
from workers.runtime.request_records import RequestRecords
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient

Body = dict[str, Any]
SOON = 5


def request() -> Body:
    """As the gateway puts it on the queue."""
    asked = ReservationRequest(uuid4(), uuid4(), str(uuid4()), uuid4(), uuid4(), 2)
    message = Recorded(asked, "2026-11-24T21:30:00.123Z").message()
    body: Body = json.loads(message)
    return body


def outcome(status: str) -> Callable[[Body], Body]:
    return lambda asked: {
        "reservationId": asked["reservationId"],
        "status": status,
        "heldUntil": in_seconds(600) if status == "HELD" else None,
    }


def every(status: str) -> Callable[[list[Body]], list[Body]]:
    return lambda asked: [outcome(status)(each) for each in asked]


class Queue:
    """A FIFO queue of this test, with the worker that reads it as Lambda's event source mapping would."""

    def __init__(self, deployed: Deployed, worker: Worker) -> None:
        self.deployed, self.worker = deployed, worker

    def batch(self, *messages: tuple[str, Any]) -> dict[str, Any]:
        """An event with `(group, body)` each, in order, in one batch."""
        sqs = self.deployed.aws("sqs")
        for group, body in messages:
            text = body if isinstance(body, str) else json.dumps(body)
            sqs.send_message(
                QueueUrl=self.worker.queue_url,
                MessageBody=text,
                MessageGroupId=group,
                MessageDeduplicationId=str(uuid4()),
            )
        return self.received(len(messages))

    def received(self, expected: int) -> dict[str, Any]:
        found = self.deployed.aws("sqs").receive_message(
            QueueUrl=self.worker.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=SOON
        )["Messages"]
        assert len(found) == expected
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:sa-east-1:000000000000:{self.worker.queue_url.rpartition('/')[2]}",
                    "awsRegion": "sa-east-1",
                }
                for message in found
            ]
        }

    def started(self, body: Body) -> bool:
        return body["reservation_id"] in self.deployed.executions("reservation")


@pytest.fixture
def queue(deployed: Deployed, subgraphs: Subgraphs, signing_key: Any) -> Iterator[Queue]:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sqs = deployed.aws("sqs")
    attributes = {"FifoQueue": "true", "VisibilityTimeout": "120"}
    urls = [sqs.create_queue(QueueName=f"requests-{uuid4()}.fifo", Attributes=attributes)["QueueUrl"] for _ in range(2)]
    machines = deployed.client("stepfunctions")
    with httpx.HTTPTransport() as transport:
        endpoints = {service: subgraphs.url(service) for service in ("ticketing", "customers")}
        services = SubgraphClient(endpoints, ServiceTokens(lambda: pem), transport=transport)
        yield Queue(
            deployed,
            Worker(
                services=services,
                machines=machines,
                sqs=sqs,
                records=RequestRecords(deployed.outputs["ReservationRequestsTable"], deployed.aws("dynamodb")),
                reservation_flow_arn=deployed.outputs["ReservationFlowArn"],
                queue_url=urls[0],
                dead_letters_url=urls[1],
            ),
        )
    machines.close()
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def reported(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def ids(event: dict[str, Any]) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


def numbers(event: dict[str, Any]) -> list[str]:
    """The queue's own, in the order of the batch."""
    found = [record["attributes"]["SequenceNumber"] for record in event["Records"]]
    assert found == sorted(found)
    return found


def test_a_batch_is_allocated_in_order_with_one_call(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """Ten requests, one transaction of ticketing's; a flow for each hold, none for who came too late."""
    bodies = [request() for _ in range(10)]
    sold_out = {body["reservation_id"] for body in bodies[7:]}
    directed(
        allocateReservations=lambda asked: [
            outcome("REJECTED_SOLD_OUT" if each["reservationId"] in sold_out else "HELD")(each) for each in asked
        ]
    )

    event = queue.batch(*(("one", body) for body in bodies))
    answer = queue.worker.handle(event)

    assert reported(answer) == []
    (asked,) = subgraphs.asked("allocateReservations")
    assert [each["reservationId"] for each in asked] == [body["reservation_id"] for body in bodies]
    assert [each["sequence"] for each in asked] == numbers(event)
    assert asked[0] == {
        "reservationId": bodies[0]["reservation_id"],
        "customerId": bodies[0]["customer_id"],
        "sessionId": bodies[0]["session_id"],
        "sectorId": bodies[0]["sector_id"],
        "quantity": 2,
        "seatIds": None,
        "idempotencyKey": bodies[0]["idempotency_key"],
        "requestedAt": "2026-11-24T21:30:00.123Z",
        "sequence": numbers(event)[0],
        "buyer": None,
    }
    assert [queue.started(body) for body in bodies] == [True] * 7 + [False] * 3


def test_a_batch_that_is_delivered_again_starts_nothing_again(queue: Queue, directed: Callable[..., None]) -> None:
    body = request()
    directed(allocateReservations=every("HELD"))
    event = queue.batch(("one", body))

    for _ in range(2):
        assert reported(queue.worker.handle(event)) == []

    names = list(queue.deployed.executions("reservation"))
    assert names.count(body["reservation_id"]) == 1


@pytest.mark.parametrize(
    "broken",
    [
        "not JSON",
        "[]",
        {},
        {**request(), "quantity": 0},
        {**request(), "quantity": "two"},
        {**request(), "reservation_id": "../../etc"},
        {**request(), "version": 2},
    ],
)
def test_a_message_that_nobody_can_read_holds_up_nobody(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None], broken: Any
) -> None:
    """It goes to the dead letters at once, as it came; those around it in the same group are served."""
    before, behind = request(), request()
    directed(allocateReservations=every("HELD"))

    answer = queue.worker.handle(queue.batch(("one", before), ("one", broken), ("one", behind)))

    assert reported(answer) == []
    (asked,) = subgraphs.asked("allocateReservations")
    assert [each["reservationId"] for each in asked] == [before["reservation_id"], behind["reservation_id"]]
    (dead,) = queue.deployed.aws("sqs").receive_message(
        QueueUrl=queue.worker.dead_letters_url, MessageAttributeNames=["All"], WaitTimeSeconds=SOON
    )["Messages"]
    assert dead["Body"] == (broken if isinstance(broken, str) else json.dumps(broken))
    assert dead["MessageAttributes"]["reason"]["StringValue"]


def test_ticketing_being_down_keeps_the_batch_and_its_order(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """All of it is reported and comes back within seconds, in the order in which it came."""

    def down(given: Any) -> Any:
        raise Down

    bodies = [request() for _ in range(3)]
    directed(allocateReservations=down)
    event = queue.batch(*(("one", body) for body in bodies))

    assert reported(queue.worker.handle(event)) == ids(event)
    assert not any(queue.started(body) for body in bodies)

    again = queue.received(3)
    assert ids(again) == ids(event)
    subgraphs.forget()
    directed(allocateReservations=every("HELD"))
    assert reported(queue.worker.handle(again)) == []
    (asked,) = subgraphs.asked("allocateReservations")
    assert [each["sequence"] for each in asked] == numbers(event)


def test_a_flow_that_cannot_be_started_stops_its_group_only(queue: Queue, directed: Callable[..., None]) -> None:
    """Step Functions fails in the middle: what stands behind it in the group waits, another group goes on."""
    first, failing, behind, elsewhere = (request() for _ in range(4))
    directed(allocateReservations=every("HELD"))
    event = queue.batch(("one", first), ("one", failing), ("one", behind), ("two", elsewhere))
    failures = {"left": 3}

    def fail(request: Any, **_: Any) -> AWSResponse | None:
        if failing["reservation_id"].encode() not in request.body or not failures["left"]:
            return None
        failures["left"] -= 1
        return AWSResponse(request.url, 500, HTTPHeaders(), _Empty())

    hooks: Any = queue.worker.machines.meta.events
    hooks.register("before-send.sfn.StartExecution", fail)

    assert reported(queue.worker.handle(event)) == ids(event)[1:3]
    assert [queue.started(body) for body in (first, failing, behind, elsewhere)] == [True, False, False, True]

    assert failures["left"] == 0
    assert reported(queue.worker.handle({"Records": event["Records"][1:3]})) == []
    assert queue.started(failing)
    assert queue.started(behind)


def test_a_request_that_ticketing_refuses_takes_no_other_with_it(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """The batch is refused as such, so each is asked for alone: the one at fault goes to the dead letters."""
    bodies = [request() for _ in range(3)]
    poison = bodies[1]["reservation_id"]

    def allocate(asked: list[Body]) -> list[Body]:
        if any(each["reservationId"] == poison for each in asked):
            raise Refused("BAD_USER_INPUT")
        return every("HELD")(asked)

    directed(allocateReservations=allocate, failReservationRequest=outcome("REJECTED_INVALID"))
    answer = queue.worker.handle(queue.batch(*(("one", body) for body in bodies)))

    assert reported(answer) == []
    assert [told["reservationId"] for told in subgraphs.asked("failReservationRequest")] == [poison]
    assert [queue.started(body) for body in bodies] == [True, False, True]
    assert [len(asked) for asked in subgraphs.asked("allocateReservations")] == [3, 1, 1, 1]
    (dead,) = queue.deployed.aws("sqs").receive_message(QueueUrl=queue.worker.dead_letters_url, WaitTimeSeconds=SOON)[
        "Messages"
    ]
    assert json.loads(dead["Body"])["reservation_id"] == poison


def test_who_cannot_be_served_is_told_before_the_message_is_put_aside(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """Ticketing fails in between: the message comes again, and both happen then."""
    body = request()

    def refuse(asked: Any) -> Any:
        raise Refused("BAD_USER_INPUT")

    def down(asked: Any) -> Any:
        raise Down

    directed(allocateReservations=refuse, failReservationRequest=down)
    event = queue.batch(("one", body))
    assert reported(queue.worker.handle(event)) == ids(event)
    sqs, dead = queue.deployed.aws("sqs"), queue.worker.dead_letters_url
    assert not sqs.receive_message(QueueUrl=dead).get("Messages")

    directed(failReservationRequest=outcome("REJECTED_INVALID"))
    assert reported(queue.worker.handle(queue.received(1))) == []
    assert len(sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=SOON)["Messages"]) == 1


def test_what_is_decided_leaves_its_line_and_what_is_not_stays(
    queue: Queue, directed: Callable[..., None], recorded: Callable[[Body], Any]
) -> None:
    decided, failing = request(), request()
    line = {each["reservation_id"]: recorded(each) for each in (decided, failing)}
    directed(allocateReservations=every("REJECTED_SOLD_OUT"))
    assert reported(queue.worker.handle(queue.batch(("one", decided)))) == []
    assert "line" not in line[decided["reservation_id"]]()
    assert line[decided["reservation_id"]]()["decided"] == {"BOOL": True}

    def down(asked: Any) -> Any:
        raise Down

    directed(allocateReservations=down)
    event = queue.batch(("two", failing))
    assert reported(queue.worker.handle(event)) == ids(event)
    assert line[failing["reservation_id"]]()["line"]


@pytest.fixture
def recorded(deployed: Deployed) -> Iterator[Callable[[Body], Any]]:
    """`recorded(body)` makes the gateway's record of a message; what it gives reads the record."""
    client, table, made = deployed.aws("dynamodb"), deployed.outputs["ReservationRequestsTable"], []

    def record(body: Body) -> Callable[[], Any]:
        key = {"reservation_id": {"S": body["reservation_id"]}}
        made.append(key)
        place = {"line": {"S": "x:y"}, "sequence": {"S": f"{1:039}"}, "since": {"S": body["requested_at"]}}
        client.put_item(TableName=table, Item={**key, **place})
        return lambda: client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]

    yield record
    for key in made:
        client.delete_item(TableName=table, Key=key)


def by_age(adults: set[str]) -> Callable[[list[Body]], list[Body]]:
    """As ticketing decides about a session with an age to buy."""

    def answer(asked: list[Body]) -> list[Body]:
        return [
            outcome(
                "QUEUED" if each["buyer"] is None else "HELD" if each["customerId"] in adults else "REJECTED_INVALID"
            )(each)
            for each in asked
        ]

    return answer


def test_birth_dates_are_asked_for_where_ticketing_needs_them(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """One question for all of them; a customer who is unknown comes without a date, and no request is lost."""
    bodies = [request() for _ in range(3)]
    ids = [body["customer_id"] for body in bodies]
    born = [{"customerId": ids[0], "birthDate": "1990-05-17"}, {"customerId": ids[1], "birthDate": "2015-01-01"}]
    directed(allocateReservations=by_age({ids[0]}), birthDates=born)

    assert reported(queue.worker.handle(queue.batch(*(("one", body) for body in bodies)))) == []

    assert [queue.started(body) for body in bodies] == [True, False, False]
    first, again = subgraphs.asked("allocateReservations")
    assert [each["buyer"] for each in first] == [None] * 3
    assert [each["buyer"] for each in again] == [
        {"birthDate": "1990-05-17"},
        {"birthDate": "2015-01-01"},
        {"birthDate": None},
    ]
    assert subgraphs.asked("birthDates") == [sorted(ids)]


def test_while_customers_is_away_only_what_needs_it_waits_and_in_its_order(
    queue: Queue, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    def down(given: Any) -> Any:
        raise Down

    grown_up, behind, elsewhere = request(), request(), request()
    rated = {grown_up["reservation_id"], behind["reservation_id"]}

    def allocate(asked: list[Body]) -> list[Body]:
        return [
            outcome("QUEUED" if each["reservationId"] in rated and each["buyer"] is None else "HELD")(each)
            for each in asked
        ]

    directed(allocateReservations=allocate, birthDates=down)
    event = queue.batch(("one", grown_up), ("one", behind), ("two", elsewhere))

    assert reported(queue.worker.handle(event)) == ids(event)[:2]
    assert [queue.started(body) for body in (grown_up, behind, elsewhere)] == [False, False, True]

    again = queue.received(2)
    assert ids(again) == ids(event)[:2]
    directed(birthDates=lambda asked: [{"customerId": each, "birthDate": "1990-05-17"} for each in asked])
    assert reported(queue.worker.handle(again)) == []
    assert [queue.started(body) for body in (grown_up, behind)] == [True, True]


def test_an_answer_about_other_reservations_is_not_believed(queue: Queue, directed: Callable[..., None]) -> None:
    """Holds would otherwise be followed under the wrong customer's name."""
    body = request()
    directed(failReservationRequest=outcome("REJECTED_INVALID"))
    directed(allocateReservations=lambda asked: [{**outcome("HELD")(asked[0]), "reservationId": str(uuid4())}])

    assert reported(queue.worker.handle(queue.batch(("one", body)))) == []
    assert not queue.started(body)


def test_the_deployed_queue_wakes_the_worker(deployed: Deployed, directed: Callable[..., None]) -> None:
    """From the queue through the event source mapping to a waiting flow; what is malformed, to the dead letters."""
    body = request()
    group = f"{body['session_id']}:{body['sector_id']}"
    nonsense = f"nonsense {uuid4()}"
    directed(allocateReservations=every("HELD"))

    deployed.request_reservations([(group, str(uuid4()), nonsense), (group, body["reservation_id"], json.dumps(body))])

    deployed.named("reservation", body["reservation_id"])
    deployed.waiting_token(f"reservation:{body['reservation_id']}")
    deployed.take("reservation-requests-dlq.fifo", lambda found: found == nonsense)


class _Empty:
    """The body of a response without one."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b""
