"""Requests that wait in line, read from where the gateway recorded them; ticketing never writes there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from subgraphs.chassis.aws import Aws

# The index of everything that stands in a line: by `line`, in the order of `sequence` (docs/adr/0014).
_WAITING: Final = "waiting"
_DIGITS: Final = 39  # a sequence number has up to 128 bits and is kept as text of one length, so that it sorts
_LARGEST_BATCH: Final = 100  # BatchGetItem's limit
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class LineId:
    """Requests are served in their order within one sector of one session."""

    session_id: UUID
    sector_id: UUID


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """``sequence`` is its number in the queue, 0 while the queue has not taken it."""

    reservation_id: UUID
    customer_id: UUID
    line: LineId
    quantity: int
    sequence: int
    requested_at: datetime


class QueuedRequests:
    """The requests table. Raises botocore's errors, ``LaneFull`` and ``TimeoutError``."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws = aws
        self._table = table

    async def find(self, reservation_ids: Iterable[UUID]) -> dict[UUID, QueuedRequest]:
        """Whatever is recorded of these. Whose it is, is for the caller to compare."""
        found: dict[UUID, QueuedRequest] = {}
        ids = list(dict.fromkeys(reservation_ids))
        for start in range(0, len(ids), _LARGEST_BATCH):
            for item in await self._get(ids[start : start + _LARGEST_BATCH]):
                request = _request(item)
                found[request.reservation_id] = request
        return found

    async def waiting(self, line: LineId, *, after: int, limit: int) -> list[int]:
        """The numbers behind ``after`` in the line, in order, at most ``limit``: a moment old, as indexes are."""
        answer = await self._aws.call(
            "dynamodb",
            "query",
            TableName=self._table,
            IndexName=_WAITING,
            KeyConditionExpression="line = :line AND #sequence > :after",
            ProjectionExpression="#sequence",
            ExpressionAttributeNames={"#sequence": "sequence"},
            ExpressionAttributeValues={
                ":line": {"S": f"{line.session_id}:{line.sector_id}"},
                ":after": {"S": f"{after:0{_DIGITS}}"},
            },
            Limit=limit,
        )
        return [int(item["sequence"]["S"]) for item in answer["Items"]]

    async def _get(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        wanted: dict[str, Any] = {
            self._table: {"Keys": [{"reservation_id": {"S": str(id_)}} for id_ in ids], "ConsistentRead": True}
        }
        for attempt in range(_ATTEMPTS):
            answer = await self._aws.call("dynamodb", "batch_get_item", RequestItems=wanted)
            items += answer["Responses"].get(self._table, [])
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return items
            await asyncio.sleep(0.05 * 2**attempt)
        raise TimeoutError("the requests table did not answer all keys")


def _request(item: dict[str, Any]) -> QueuedRequest:
    return QueuedRequest(
        reservation_id=UUID(item["reservation_id"]["S"]),
        customer_id=UUID(item["customer_id"]["S"]),
        line=LineId(UUID(item["session_id"]["S"]), UUID(item["sector_id"]["S"])),
        quantity=int(item["quantity"]["N"]),
        sequence=int(item["sequence"].get("S", 0)),  # earlier versions counted in another way, as N
        requested_at=datetime.fromisoformat(item["requested_at"]["S"]),
    )
