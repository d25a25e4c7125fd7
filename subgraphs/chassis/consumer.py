"""Consumes domain events from an SQS queue, fed by an SNS topic with raw delivery. At least once, or seen as once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import events, inbox, metrics
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.chassis.events import DomainEvent
from subgraphs.chassis.waiting import first_of, pause_after

log = structlog.get_logger(__name__)

# Short enough to stop within it, long enough to cost nothing while idle.
WAIT_SECONDS: Final = 2
CONCURRENCY: Final = 4

Take = Callable[[DomainEvent], Awaitable[None]]
Handler = Callable[[AsyncConnection, DomainEvent], Awaitable[None]]
AfterCommit = Callable[[DomainEvent], Awaitable[None]]


class QueueConsumer:
    """``take`` runs at every delivery of an event, the repeats included; then the message is deleted.

    What raises is left in the queue: redelivered after the visibility timeout, and moved to the dead-letter queue in
    the end.
    """

    def __init__(self, queue_url: str, take: Take, *, aws: Aws, concurrency: int = CONCURRENCY) -> None:
        self._queue_url = queue_url
        self._take = take
        self._aws = aws
        self._slots = asyncio.Semaphore(concurrency)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``: then the batch in hand is finished (at most 2 s of waiting for messages)."""
        failures = 0
        while not stopping.is_set():
            try:
                await self.consume_batch()
                failures = 0
            except Exception:  # the queue or the network is down: the consumer outlives it
                failures += 1
                log.exception("event_consumer_failed", failures=failures)
                await first_of(stopping, seconds=pause_after(failures))

    async def consume_batch(self) -> int:
        """Receive up to ten messages, handle them, delete those that succeeded; how many were handled."""
        answer = await self._aws.call(
            "sqs",
            "receive_message",
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        outcomes = await asyncio.gather(*(self._consume(message) for message in messages))
        return sum(outcomes)

    async def _consume(self, message: dict[str, Any]) -> bool:
        async with self._slots:
            attempt = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
            try:
                event = events.decode(message["Body"])
            except msgspec.MsgspecError:
                log.error("event_malformed", message_id=message["MessageId"], attempt=attempt)
                metrics.count("EventsFailed", Type="malformed")
                return False
            try:
                await self._take(event)
            except Exception:  # left in the queue: redelivery and the dead-letter queue are the retry
                log.exception("event_failed", event_id=event.id, event_type=event.type, attempt=attempt)
                metrics.count("EventsFailed", Type=event.type)
                return False
            await self._aws.call(
                "sqs", "delete_message", QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
            log.info("event_consumed", event_id=event.id, event_type=event.type, attempt=attempt)
            return True


class EventConsumer(QueueConsumer):
    """``handler`` runs once per event id, in the transaction that also notes the id; then the message is deleted.

    ``after_commit`` is for effects outside the database (an e-mail): it runs after the commit **every time** the
    message is delivered, the repeats included, so it has to look up what is still to do. What raises, in either, is
    left in the queue.
    """

    def __init__(
        self,
        queue_url: str,
        database: Database,
        handler: Handler,
        *,
        aws: Aws,
        after_commit: AfterCommit | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        super().__init__(queue_url, self.handle, aws=aws, concurrency=concurrency)
        self._database = database
        self._handler = handler
        self._after_commit = after_commit

    async def handle(self, event: DomainEvent) -> None:
        """What is done with one event, without the queue."""
        async with self._database.transaction(BACKGROUND) as connection:
            first = await inbox.take(connection, event.id, event.type)
            if first:
                await self._handler(connection, event)
        if self._after_commit is not None:
            await self._after_commit(event)
