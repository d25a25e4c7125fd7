"""The task that publishes the outbox to SNS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog

from subgraphs.chassis import metrics, outbox
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import Database
from subgraphs.chassis.waiting import first_of, pause_after

log = structlog.get_logger(__name__)

# What SNS PublishBatch takes: ten messages, and 256 KiB of all their texts and attributes together.
BATCH: Final = 10
BATCH_BYTES: Final = 262_144
_ATTRIBUTES_BYTES: Final = 1_024  # more than name, data type and value of our one attribute ever are

POLL_SECONDS: Final = 1.0  # for rows of other processes and expired leases; our own commits wake the relay at once


class Relay:
    """Publishes to ``topic_arn``: the message is the JSON event, the attribute ``type`` its type."""

    def __init__(self, database: Database, aws: Aws, topic_arn: str) -> None:
        self._database = database
        self._aws = aws
        self._topic_arn = topic_arn

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``: then the rows in hand are finished. Faults are logged and retried with full jitter."""
        failures = 0
        while not stopping.is_set():
            self._database.events_committed.clear()
            try:
                published, refused = await self.publish_due()
            except Exception:  # the relay outlives every fault of SNS and of the database
                failures += 1
                log.exception("outbox_relay_failed", failures=failures)
                await first_of(stopping, seconds=pause_after(failures))
                continue
            failures = 0
            if published + refused < BATCH:
                await first_of(stopping, self._database.events_committed, seconds=POLL_SECONDS)

    async def publish_due(self) -> tuple[int, int]:
        """Publish up to ten due events; how many were published and how many SNS refused one by one.

        What was claimed goes out in as many batches as SNS needs. Raises the first fault after all were tried.
        """
        async with self._database.transaction() as connection:
            rows = await outbox.claim(connection, BATCH)
        published = refused = 0
        fault: Exception | None = None
        for batch in batches(rows):
            try:
                failed = await self._publish(batch)
            except Exception as exc:  # of this batch: the others do not wait for it
                fault = fault or exc
                continue
            published, refused = published + len(batch) - failed, refused + failed
        if fault is not None:
            raise fault
        return published, refused

    async def _publish(self, rows: Sequence[dict[str, Any]]) -> int:
        """Publish one batch; how many of it SNS refused. What was not published is put back."""
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
        return len(refused)


def batches(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows in their order, cut into what SNS takes at once. One that is too large by itself stands alone."""
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        octets = len(row["payload"].encode()) + _ATTRIBUTES_BYTES
        if batch and (len(batch) == BATCH or size + octets > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += octets
    if batch:
        yield batch


def _entries(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "Id": str(row["position"]),
            "Message": row["payload"],
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": row["type"]}},
        }
        for row in rows
    ]
