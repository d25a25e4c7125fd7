"""From an event to a sent message, on a real database and the emulated SES and SNS."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from subgraphs.chassis import migrations
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.consumer import EventConsumer
from subgraphs.chassis.database import Database
from subgraphs.chassis.event_schema import event_schema, event_schema_path
from subgraphs.chassis.events import DomainEvent, encode
from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.identity import Identity
from subgraphs.chassis.sdl import sdl, sdl_path
from subgraphs.notifications import repository
from subgraphs.notifications.delivery import AwsDelivery
from subgraphs.notifications.errors import ContactUnknown, SendFailed
from subgraphs.notifications.rendering import Email
from subgraphs.notifications.schema import schema
from subgraphs.notifications.use_cases.send_notifications import send_notifications
from subgraphs.notifications.use_cases.take_event import take_event
from tests.subgraphs.notifications.conftest import order, registered

Mailbox = Callable[[], list[dict[str, Any]]]


async def take(database: Database, event: DomainEvent) -> None:
    async with database.transaction() as connection:
        await take_event(connection, event)


async def take_and_send(database: Database, delivery: AwsDelivery, event: DomainEvent) -> int:
    await take(database, event)
    return await send_notifications(database, delivery, event.id)


async def test_a_confirmed_order_reaches_the_buyer_by_e_mail_and_sms(
    connected: Database, delivery: AwsDelivery, customer_id: UUID, address: str, mailbox: Mailbox
) -> None:
    await take(connected, registered(customer_id, address, sms_enabled=True))
    assert await take_and_send(connected, delivery, order("order.confirmed", customer_id)) == 2
    (mail,) = mailbox()
    assert "K7M2" in json.dumps(mail)
    assert "Palmeiras" in json.dumps(mail)


async def test_the_same_event_again_sends_nothing_again(
    connected: Database, delivery: AwsDelivery, customer_id: UUID, address: str, mailbox: Mailbox
) -> None:
    event = registered(customer_id, address)
    assert await take_and_send(connected, delivery, event) == 1
    assert await take_and_send(connected, delivery, event) == 0
    assert len(mailbox()) == 1


async def test_an_order_of_somebody_unknown_waits_for_the_customer(
    connected: Database, delivery: AwsDelivery, customer_id: UUID, address: str
) -> None:
    event = order("order.expired", customer_id)
    with pytest.raises(ContactUnknown):
        await take(connected, event)
    await take(connected, registered(customer_id, address))
    assert await take_and_send(connected, delivery, event) == 1


async def test_facts_of_another_shape_are_refused_and_leave_nothing(connected: Database, customer_id: UUID) -> None:
    event = order("order.refunded", customer_id)  # without an amount
    with pytest.raises(msgspec.ValidationError):
        await take(connected, event)
    async with connected.transaction() as connection:
        assert await repository.claim_unsent(connection, event.id) == []


async def test_an_older_event_does_not_undo_a_newer_contact(
    connected: Database, customer_id: UUID, address: str
) -> None:
    newer = registered(customer_id, "new@example.com", type="customer.updated", occurred_at=datetime.now(UTC))
    await take(connected, newer)
    await take(connected, registered(customer_id, address))
    async with connected.connect() as connection:
        contact = await repository.find_contact(connection, customer_id)
    assert contact is not None
    assert contact.email == "new@example.com"


class RefusingOnce:
    """A provider that fails once and works from then on."""

    def __init__(self, real: AwsDelivery) -> None:
        self.real = real
        self.refused = False

    async def send_email(self, recipient: str, email: Email) -> str:
        if not self.refused:
            self.refused = True
            raise SendFailed("Throttling")
        return await self.real.send_email(recipient, email)

    async def send_sms(self, recipient: str, text: str) -> str:
        return await self.real.send_sms(recipient, text)


async def test_what_could_not_be_sent_is_sent_at_the_next_delivery_and_the_rest_is_not_repeated(
    connected: Database, delivery: AwsDelivery, customer_id: UUID, address: str, mailbox: Mailbox
) -> None:
    await take(connected, registered(customer_id, address, sms_enabled=True))
    event, provider = order("order.confirmed", customer_id), RefusingOnce(delivery)
    await take(connected, event)
    with pytest.raises(SendFailed):
        await send_notifications(connected, provider, event.id)
    assert mailbox() == []
    assert await send_notifications(connected, provider, event.id) == 1
    assert len(mailbox()) == 1


async def test_an_absent_provider_is_a_send_failure(settings: Any, connected: Database) -> None:
    absent = Aws(settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:9"}))
    with pytest.raises(SendFailed):
        await AwsDelivery(absent, "a@example.com").send_sms("+5511987654321", "x")
    absent.close()


async def test_two_senders_never_send_the_same_notification(
    connected: Database, customer_id: UUID, address: str
) -> None:
    event = registered(customer_id, address)
    await take(connected, event)
    async with connected.transaction() as first:
        claimed = await repository.claim_unsent(first, event.id)
    async with connected.transaction() as second:
        assert await repository.claim_unsent(second, event.id) == []
    assert len(claimed) == 1


async def test_the_queue_feeds_the_service(
    connected: Database, delivery: AwsDelivery, aws: Aws, customer_id: UUID, address: str, mailbox: Mailbox
) -> None:
    queue = aws.client("sqs").create_queue(QueueName=f"notifications-{uuid4().hex}")["QueueUrl"]

    async def send(event: DomainEvent) -> None:
        await send_notifications(connected, delivery, event.id)

    consumer = EventConsumer(queue, connected, take_event, aws=aws, after_commit=send)
    event = registered(customer_id, address)
    for _ in range(2):
        aws.client("sqs").send_message(QueueUrl=queue, MessageBody=encode(event))
    handled = await consumer.consume_batch()
    handled += await consumer.consume_batch() if handled < 2 else 0
    assert handled == 2
    assert len(mailbox()) == 1


HISTORY = """query($reps: [_Any!]!, $first: Int!, $after: String) { _entities(representations: $reps) {
  ... on Customer { id notifications(first: $first, after: $after) {
    edges { node { id channel template status subject } } pageInfo { hasNextPage endCursor } } } } }"""


async def history(database: Database, asked: UUID, asking: UUID | None, **variables: Any) -> Any:
    return await schema.execute(
        HISTORY,
        variable_values={
            "reps": [{"__typename": "Customer", "id": global_id.encode("Customer", asked)}],
            "first": 20,
            **variables,
        },
        context_value=Context(identity=Identity("gateway", asking), database=database),
    )


async def test_customers_see_what_they_were_sent_page_by_page_newest_first(
    connected: Database, delivery: AwsDelivery, customer_id: UUID, address: str
) -> None:
    await take_and_send(connected, delivery, registered(customer_id, address))
    await take_and_send(connected, delivery, order("order.cancelled", customer_id, refunded=True))
    first = (await history(connected, customer_id, customer_id, first=1)).data["_entities"][0]["notifications"]
    assert [edge["node"]["template"] for edge in first["edges"]] == ["ORDER_CANCELLED"]
    assert first["edges"][0]["node"]["status"] == "SENT"
    after = first["pageInfo"]["endCursor"]
    second = (await history(connected, customer_id, customer_id, first=1, after=after)).data["_entities"][0]
    assert [edge["node"]["template"] for edge in second["notifications"]["edges"]] == ["WELCOME"]
    assert second["notifications"]["pageInfo"]["hasNextPage"] is False


async def test_nobody_sees_what_another_was_sent(connected: Database, customer_id: UUID) -> None:
    for asking in (uuid4(), None):
        assert (await history(connected, customer_id, asking)).data == {"_entities": [None]}


async def test_a_page_of_no_size_and_a_foreign_cursor_are_refused(connected: Database, customer_id: UUID) -> None:
    for variables in ({"first": 0}, {"first": 101}, {"after": "garbage"}):
        assert (await history(connected, customer_id, customer_id, **variables)).errors


async def test_the_database_is_what_the_tables_say(fresh_database: Callable[[str], str]) -> None:
    assert await migrations.drift("notifications", fresh_database("notifications")) == []


def test_the_committed_schemas_are_what_the_code_says() -> None:
    assert sdl_path("notifications").read_text() == sdl("notifications")
    assert event_schema_path("notifications").read_text() == event_schema("notifications")
