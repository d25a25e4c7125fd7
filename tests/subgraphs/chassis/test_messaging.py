"""Events go out with the change they tell of, and are taken in once."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import events, inbox, outbox
from subgraphs.chassis import relay as relay_module
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.consumer import EventConsumer
from subgraphs.chassis.database import Database
from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.chassis.relay import Relay, batches
from subgraphs.chassis.waiting import pause_after


@pytest.fixture
def topic(aws: Aws) -> tuple[str, str]:
    """A topic with a queue behind it that gets `thing.made` only: (topic ARN, queue URL)."""
    name = f"chassis-{secrets.token_hex(4)}"
    sns, sqs = aws.client("sns"), aws.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": redrive})[
        "QueueUrl"
    ]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic: str = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"type": ["thing.made"]})},
    )
    return topic, queue


def made(name: str, **values: Any) -> DomainEvent:
    return new_event("thing.made", source="toy", subject=uuid4(), data={"name": name}, **values)


async def waiting(database: Database) -> int:
    async with database.connect() as connection:
        return (await connection.execute(sa.text("SELECT count(*) FROM outbox"))).scalar_one()


async def things(database: Database) -> list[str]:
    async with database.connect() as connection:
        return list((await connection.execute(sa.text("SELECT name FROM things ORDER BY name"))).scalars())


async def make_thing(connection: AsyncConnection, event: DomainEvent) -> None:
    await connection.execute(sa.text("INSERT INTO things VALUES (:name)"), {"name": event.data["name"]})


def receive(aws: Aws, queue: str) -> list[dict[str, Any]]:
    return (
        aws.client("sqs")
        .receive_message(  # type: ignore[no-any-return]
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        .get("Messages", [])
    )


async def test_an_event_that_was_rolled_back_is_never_published(toy_database: Database) -> None:
    async def write_and_fail() -> None:
        async with toy_database.transaction() as connection:
            await outbox.append(connection, made("x"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await waiting(toy_database) == 0
    assert not toy_database.events_committed.is_set()


# A commit wakes the relay: it publishes although its next poll is an hour away.
async def test_a_committed_event_is_published_at_once_and_forgotten(
    toy_database: Database, aws: Aws, topic: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    stopping = asyncio.Event()
    relay = asyncio.create_task(Relay(toy_database, aws, topic[0]).run(stopping))
    await asyncio.sleep(0.2)
    event = made("first")
    async with toy_database.transaction() as connection:
        await outbox.append(connection, event, new_event("thing.ignored", source="toy", subject="x", data={}))
    async with asyncio.timeout(60):
        while await waiting(toy_database):  # noqa: ASYNC110 - the news is in the database
            await asyncio.sleep(0.01)
    messages = await asyncio.to_thread(receive, aws, topic[1])
    assert [events.decode(message["Body"]) for message in messages] == [event]
    stopping.set()
    await asyncio.wait_for(relay, 60)


async def test_two_relays_never_take_the_same_event(toy_database: Database, aws: Aws, topic: tuple[str, str]) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, *(made(str(number)) for number in range(25)))
    relays = [Relay(toy_database, aws, topic[0]) for _ in range(3)]
    outcomes = await asyncio.gather(*(relay.publish_due() for relay in relays))
    assert sum(published for published, _ in outcomes) == 25
    assert await waiting(toy_database) == 0
    received: list[str] = []
    for _ in range(10):
        received += [json.loads(message["Body"])["data"]["name"] for message in receive(aws, topic[1])]
        if len(received) >= 25:
            break
    assert sorted(received, key=int) == [str(number) for number in range(25)]


# SNS being down costs a growing pause, not the event and not the relay.
async def test_an_event_survives_a_topic_that_does_not_answer(
    toy_database: Database, aws: Aws, topic: tuple[str, str], settings: Callable[..., Any]
) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, made("patient"))
    nowhere = Aws(settings(aws_endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(Exception, match="Could not connect"):
        await Relay(toy_database, nowhere, topic[0]).publish_due()
    assert await waiting(toy_database) == 1
    relay = Relay(toy_database, aws, topic[0])
    assert await relay.publish_due() == (0, 0)  # not due yet
    await asyncio.sleep(0.4)
    assert await relay.publish_due() == (1, 0)


async def test_a_lease_that_ran_out_is_taken_again(toy_database: Database) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, made("x"))
    async with toy_database.transaction() as connection:
        assert len(await outbox.claim(connection, 10)) == 1
    async with toy_database.transaction() as connection:
        assert await outbox.claim(connection, 10) == []
        await connection.execute(sa.text("UPDATE outbox SET available_at = now() - interval '1 second'"))
    async with toy_database.transaction() as connection:
        assert [row["attempts"] for row in await outbox.claim(connection, 10)] == [2]


# The plan of issue 8: a nested loop runs the inner side again for each row, and a claim that stands there takes more.
NESTED_LOOPS = [f"enable_{way} = off" for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize")]


@pytest.mark.parametrize("settings", [NESTED_LOOPS, ["plan_cache_mode = force_generic_plan", *NESTED_LOOPS]])
async def test_a_claim_takes_what_it_was_told_to_whatever_the_plan(toy_database: Database, settings: list[str]) -> None:
    async with toy_database.transaction() as connection:
        await connection.execute(sa.text("ANALYZE outbox"))  # empty, as when a plan is made just after a deployment
        for setting in settings:
            await connection.execute(sa.text(f"SET LOCAL {setting}"))
        for _ in range(8):
            assert await outbox.claim(connection, 10) == []
        await outbox.append(connection, *(made(str(number)) for number in range(40)))
        assert len(await outbox.claim(connection, 10)) == 10
        assert len(await outbox.claim(connection, 100)) == 30


class Topic:
    """What SNS is told, and a limit that it has: 262,144 octets and ten messages a batch."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def call(self, name: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        assert (name, operation) == ("sns", "publish_batch")
        messages = [entry["Message"] for entry in parameters["PublishBatchRequestEntries"]]
        if len(messages) > 10 or sum(len(message.encode()) for message in messages) > 262_144:
            raise RuntimeError("BatchRequestTooLong")
        self.batches.append(messages)
        return {"Successful": [], "Failed": []}


# SNS refuses a batch as a whole when its texts together are too long: nothing of it would ever go out.
async def test_events_go_out_in_batches_that_sns_takes(toy_database: Database) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, *(made("é" * 40_000) for _ in range(10)))
    topic = Topic()
    assert await Relay(toy_database, topic, "topic").publish_due() == (10, 0)  # type: ignore[arg-type]
    assert [len(batch) for batch in topic.batches] == [3, 3, 3, 1]
    assert await waiting(toy_database) == 0


async def test_an_event_that_is_too_large_for_the_topic_keeps_no_other_back(toy_database: Database) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, made("before"), made("x" * 300_000), made("after"))
    relay = Relay(toy_database, Topic(), "topic")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="BatchRequestTooLong"):
        await relay.publish_due()
    assert await waiting(toy_database) == 1


def test_more_rows_than_a_batch_holds_are_cut_into_several() -> None:
    rows = [{"position": number, "payload": "x", "type": "t"} for number in range(43)]
    cut = list(batches(rows))
    assert [len(batch) for batch in cut] == [10, 10, 10, 10, 3]
    assert [row for batch in cut for row in batch] == rows
    assert list(batches([])) == []


# Rows that failed together must not come back together for ever.
async def test_rows_that_are_put_back_together_are_due_at_different_times(toy_database: Database) -> None:
    async with toy_database.transaction() as connection:
        await outbox.append(connection, *(made(str(number)) for number in range(10)))
        rows = await outbox.claim(connection, 10)
        await outbox.put_back(connection, [row["position"] for row in rows])
        due = list((await connection.execute(sa.text("SELECT available_at - now() FROM outbox"))).scalars())
    assert min(due) >= timedelta(seconds=0.1)
    assert max(due) - min(due) > timedelta(seconds=0.01)


# 0.2 × 2^1024 is no float any more: a task that counted its failures died of it after some hours of an outage.
@pytest.mark.parametrize("failures", [1, 5, 6, 1_025, 10**6])
def test_the_pause_after_failures_is_bounded_however_many_there_were(failures: int) -> None:
    pauses = [pause_after(failures) for _ in range(200)]
    assert min(pauses) >= 0.05
    assert max(pauses) <= min(0.2 * 2 ** min(failures, 10), 10)
    assert len(set(pauses)) > 1


async def test_a_repeated_event_is_handled_once(toy_database: Database, aws: Aws, topic: tuple[str, str]) -> None:
    consumer = EventConsumer(topic[1], toy_database, make_thing, aws=aws)
    for event in [made("once")] * 3 + [made("other")]:
        aws.client("sqs").send_message(QueueUrl=topic[1], MessageBody=events.encode(event))
    handled = 0
    while handled < 4:
        handled += await consumer.consume_batch()
    assert await things(toy_database) == ["once", "other"]
    assert await consumer.consume_batch() == 0


async def test_two_deliveries_at_the_same_moment_are_one(toy_database: Database, aws: Aws) -> None:
    consumer = EventConsumer("unused", toy_database, make_thing, aws=aws)
    event = made("race")
    await asyncio.gather(*(consumer.handle(event) for _ in range(8)))
    assert await things(toy_database) == ["race"]


# What fails is rolled back with its inbox row, comes again, and ends in the dead-letter queue.
async def test_a_failing_event_and_a_malformed_message_end_in_the_dead_letter_queue(
    toy_database: Database, aws: Aws, topic: tuple[str, str]
) -> None:
    async def fail(connection: AsyncConnection, event: DomainEvent) -> None:
        await make_thing(connection, event)
        raise RuntimeError("cannot")

    consumer = EventConsumer(topic[1], toy_database, fail, aws=aws)
    event = made("never")
    for body in (events.encode(event), "{not json", '{"id": "1"}'):
        aws.client("sqs").send_message(QueueUrl=topic[1], MessageBody=body)
    dead: list[str] = []
    deadline = time.monotonic() + 60
    while len(dead) < 3 and time.monotonic() < deadline:
        assert await consumer.consume_batch() == 0
        dead += [message["Body"] for message in receive(aws, topic[1] + "-dlq")]
    assert sorted(dead) == sorted([events.encode(event), "{not json", '{"id": "1"}'])
    assert await things(toy_database) == []
    async with toy_database.transaction() as connection:
        assert await inbox.take(connection, event.id, event.type)


# An effect outside the database is tried again with each delivery until it succeeds, the handler is not.
async def test_what_comes_after_the_commit_is_repeated_until_it_succeeds(toy_database: Database, aws: Aws) -> None:
    attempts = []

    async def send(event: DomainEvent) -> None:
        attempts.append(event.id)
        if len(attempts) < 3:
            raise ConnectionError

    consumer = EventConsumer("unused", toy_database, make_thing, aws=aws, after_commit=send)
    event = made("mail")
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await consumer.handle(event)
    await consumer.handle(event)
    assert attempts == [event.id] * 3
    assert await things(toy_database) == ["mail"]


async def test_a_consumer_stops_when_it_is_told_to(toy_database: Database, aws: Aws, topic: tuple[str, str]) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(EventConsumer(topic[1], toy_database, make_thing, aws=aws).run(stopping))
    aws.client("sqs").send_message(QueueUrl=topic[1], MessageBody=events.encode(made("last")))
    while not await things(toy_database):  # noqa: ASYNC110 - the news is in the database
        await asyncio.sleep(0.05)
    stopping.set()
    await asyncio.wait_for(task, 60)
