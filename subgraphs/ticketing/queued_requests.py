"""Requests that wait in line, read from where the gateway recorded them; ticketing never writes there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from subgraphs.chassis.aws import Aws

_LARGEST_BATCH: Final = 100  # BatchGetItem's limit
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """``sequence`` is its place in the line of the sector, counted from 1."""

    reservation_id: UUID
    customer_id: UUID
    session_id: UUID
    sector_id: UUID
    quantity: int
    sequence: int
    requested_at: datetime


class QueuedRequests:
    """The requests table, by reservation id."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws = aws
        self._table = table

    async def find(self, reservation_ids: Sequence[UUID], customer_id: UUID) -> dict[UUID, QueuedRequest]:
        """The customer's requests among these; foreign ones are left out. Raises botocore's errors, TimeoutError."""
        found: dict[UUID, QueuedRequest] = {}
        ids = list(dict.fromkeys(reservation_ids))
        for start in range(0, len(ids), _LARGEST_BATCH):
            for item in await self._get(ids[start : start + _LARGEST_BATCH]):
                request = _request(item)
                if request.customer_id == customer_id:
                    found[request.reservation_id] = request
        return found

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
        session_id=UUID(item["session_id"]["S"]),
        sector_id=UUID(item["sector_id"]["S"]),
        quantity=int(item["quantity"]["N"]),
        sequence=int(item["sequence"]["N"]),
        requested_at=datetime.fromisoformat(item["requested_at"]["S"]),
    )
