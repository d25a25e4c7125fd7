"""The table of suggestions: partition key `customer_id`, sort key `suggestion_id`, forgotten at `expires_at`.

The customer is part of every key, so that somebody else's suggestion and none at all are the same.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from subgraphs.suggestions.domain.suggestion import Outcome, Reason, Status, Suggestion
from subgraphs.suggestions.dynamodb import DynamoDB, Record, encode
from subgraphs.suggestions.errors import ConditionFailed
from subgraphs.suggestions.repositories.records import (
    epoch_seconds,
    item_key,
    milliseconds,
    occasion_attributes,
    read_item_key,
    read_milliseconds,
    read_occasion,
)


class Suggestions:
    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def add(self, suggestions: Sequence[Suggestion]) -> None:
        """Keep what is about to be shown."""
        await self._dynamodb.put_many(self._table, [_record(one) for one in suggestions])

    async def find(self, customer_id: UUID, suggestion_id: UUID, now: datetime) -> Suggestion | None:
        """This customer's suggestion, unless it has expired (DynamoDB removes it up to two days later)."""
        record = await self._dynamodb.get(self._table, _key(customer_id, suggestion_id))
        return _unexpired(record, now) if record is not None else None

    async def find_many(self, customer_id: UUID, ids: Sequence[UUID], now: datetime) -> dict[UUID, Suggestion]:
        """Those of this customer's suggestions that exist, by id."""
        keys = [_key(customer_id, one) for one in dict.fromkeys(ids)]
        records = await self._dynamodb.get_many(self._table, keys)
        found = (_unexpired(record, now) for record in records)
        return {one.id: one for one in found if one is not None}

    async def answer(
        self, suggestion: Suggestion, outcome: Outcome, now: datetime, together_with: Sequence[dict[str, Any]]
    ) -> bool:
        """SHOWN → outcome, in one transaction with other actions; False when it was no longer SHOWN."""
        update = {
            "Update": {
                "TableName": self._table,
                "Key": encode(_key(suggestion.customer_id, suggestion.id)),
                "UpdateExpression": "SET #status = :outcome, answered_at = :now",
                "ConditionExpression": "#status = :shown",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": encode(
                    {":outcome": outcome.value, ":shown": Status.SHOWN.value, ":now": milliseconds(now)}
                ),
            }
        }
        try:
            await self._dynamodb.transact([update, *together_with])
        except ConditionFailed:
            return False
        return True


def _key(customer_id: UUID, suggestion_id: UUID) -> dict[str, str]:
    return {"customer_id": str(customer_id), "suggestion_id": str(suggestion_id)}


def _record(suggestion: Suggestion) -> Record:
    return {
        **_key(suggestion.customer_id, suggestion.id),
        **occasion_attributes(suggestion.occasion),
        "item": item_key(suggestion.item),
        "reason": suggestion.reason.value,
        "status": suggestion.status.value,
        "shown_at": milliseconds(suggestion.shown_at),
        "expires_at": epoch_seconds(suggestion.expires_at),
    }


def _unexpired(record: Record, now: datetime) -> Suggestion | None:
    if int(record["expires_at"]) <= epoch_seconds(now):
        return None
    return Suggestion(
        id=UUID(str(record["suggestion_id"])),
        customer_id=UUID(str(record["customer_id"])),
        item=read_item_key(str(record["item"])),
        reason=Reason(str(record["reason"])),
        occasion=read_occasion(record),
        shown_at=read_milliseconds(int(record["shown_at"])),
        status=Status(str(record["status"])),
    )
