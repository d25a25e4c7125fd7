"""The task that publishes the outbox to SNS."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import structlog

from subgraphs.chassis import metrics, outbox
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import Database

log = structlog.get_logger(__name__)

BATCH: Final = 10  # what SNS PublishBatch takes
POLL_SECONDS: Final = 1.0  # for rows of other processes and expired leases; our own commits wake the relay at once
MAX_BACKOFF_SECONDS: Final = 10.0


class Relay:
    """Publishes to ``topic_arn``: the message is the JSON event, the attribute ``type`` its type."""

    def __init__(self, database: Database, aws: Aws, topic_arn: str) -> None:
        self._database = database
        self._aws = aws
        self._topic_arn = topic_arn

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``: then the batch in hand is finished. Faults are logged and retried with full jitter."""
        failures = 0
        while not stopping.is_set():
            self._database.events_committed.clear()
            try:
                published, refused = await self.publish_batch()
            except Exception:  # the relay outlives every fault of SNS and of the database
                failures += 1
                log.exception("outbox_relay_failed", failures=failures)
                delay = random.uniform(0.05, min(0.2 * 2**failures, MAX_BACKOFF_SECONDS))  # noqa: S311 - jitter
                await _either(stopping, None, delay)
                continue
            failures = 0
            if published + refused < BATCH:
                await _either(stopping, self._database.events_committed, POLL_SECONDS)

    async def publish_batch(self) -> tuple[int, int]:
        """Publish up to ten due events; how many were published and how many SNS refused one by one."""
        async with self._database.transaction() as connection:
            rows = await outbox.claim(connection, BATCH)
        if not rows:
            return 0, 0
        by_entry = {str(row["position"]): row for row in rows}
        try:
            answer = await self._aws.call(
                "sns", "publish_batch", TopicArn=self._topic_arn, PublishBatchRequestEntries=_entries(rows)
            )
        except Exception:
            async with self._database.transaction() as connection:
                await outbox.put_back(connection, [row["position"] for row in rows])
            raise
        refused = {entry["Id"]: entry.get("Code") for entry in answer.get("Failed", ())}
        for entry_id, code in refused.items():
            row = by_entry[entry_id]
            log.error("event_refused", event_id=row["event_id"], event_type=row["type"], code=code)
        if refused:
            metrics.count("OutboxRefusals", len(refused))
        async with self._database.transaction() as connection:
            await outbox.forget(connection, [r["position"] for entry, r in by_entry.items() if entry not in refused])
            await outbox.put_back(connection, [by_entry[entry]["position"] for entry in refused])
        return len(rows) - len(refused), len(refused)


def _entries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "Id": str(row["position"]),
            "Message": row["payload"],
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": row["type"]}},
        }
        for row in rows
    ]


async def _either(stopping: asyncio.Event, news: asyncio.Event | None, seconds: float) -> None:
    """Wait for one of the two, at most so long."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stopping, news) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
