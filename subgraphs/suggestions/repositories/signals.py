"""The table of signals (`pk`, `sk`): popularity, what customers are remembered for, what reservations were about.

| pk | sk | attributes |
|---|---|---|
| `popularity#<scope>` | item | `count` |
| `customer#<id>` | item | `bought`, `bought_at` (ms), `ignored`, `rejected` |
| `reservation#<id>` | `OCCASION` | `event_id`, `event_kind`, `venue_id`, `customer_id` |
| `event#<domain event id>` | `PART#<n>` | — : this part of that domain event has been counted |

`expires_at` on all of them: what nobody touched for long is forgotten.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from subgraphs.suggestions.domain.counting import Change, Count, Remembered
from subgraphs.suggestions.domain.items import Item, Occasion
from subgraphs.suggestions.domain.signals import Memory, Popularity
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

REMEMBERED_ITEMS: Final = 300
_COUNTERS_KEPT: Final = timedelta(days=400)
_OCCASIONS_KEPT: Final = timedelta(days=7)
# Longer than SQS keeps a message, dead-letter queue and redrive included (14 days each).
_MARKERS_KEPT: Final = timedelta(days=35)


class Signals:
    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def memory_of(self, customer_id: UUID) -> dict[Item, Memory]:
        """What this customer did before, of at most REMEMBERED_ITEMS items."""
        found = await self._dynamodb.query(self._table, f"customer#{customer_id}", REMEMBERED_ITEMS)
        return {read_item_key(str(record["sk"])): _memory(record) for record in found}

    async def popularity(self, scopes: Sequence[str], items: Sequence[Item]) -> Popularity:
        """The counts above zero of these items in these scopes; eventually consistent."""
        keys = [
            {"pk": f"popularity#{scope}", "sk": item_key(item)}
            for scope in dict.fromkeys(scopes)
            for item in dict.fromkeys(items)
        ]
        counts: dict[str, dict[Item, int]] = {scope: {} for scope in scopes}
        for record in await self._dynamodb.get_many(self._table, keys):
            scope = str(record["pk"]).removeprefix("popularity#")
            counts[scope][read_item_key(str(record["sk"]))] = int(record["count"])
        return counts

    async def occasion_of(self, reservation_id: UUID, customer_id: UUID) -> Occasion | None:
        """What this customer's reservation was about, as far as anybody told."""
        record = await self._dynamodb.get(self._table, {"pk": f"reservation#{reservation_id}", "sk": "OCCASION"})
        if record is None or record.get("customer_id") != str(customer_id):
            return None
        return read_occasion({**record, "reservation_id": str(reservation_id)})

    async def note_occasion(self, occasion: Occasion, customer_id: UUID, now: datetime) -> None:
        """Keep it for the purchases of that reservation, whose events tell less; what was known stays."""
        if occasion.reservation_id is None:
            return
        known = {**occasion_attributes(occasion), "customer_id": str(customer_id)}
        known.pop("reservation_id")
        settings = ", ".join(f"{name} = if_not_exists({name}, :{name})" for name in known)
        values = {f":{name}": value for name, value in known.items()}
        await self._dynamodb.update(
            self._table,
            {"pk": f"reservation#{occasion.reservation_id}", "sk": "OCCASION"},
            f"SET {settings}, expires_at = :expires_at",
            {**values, ":expires_at": epoch_seconds(now + _OCCASIONS_KEPT)},
        )

    async def count_once(self, domain_event_id: str, part: int, change: Change, now: datetime) -> bool:
        """Write the change unless this part of that domain event was counted before; False when it was."""
        marker: Record = {
            "pk": f"event#{domain_event_id}",
            "sk": f"PART#{part}",
            "expires_at": epoch_seconds(now + _MARKERS_KEPT),
        }
        put = {
            "Put": {
                "TableName": self._table,
                "Item": encode(marker),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        try:
            await self._dynamodb.transact([put, *self.actions(change, now)])
        except ConditionFailed:
            return False
        return True

    def actions(self, change: Change, now: datetime) -> list[dict[str, Any]]:
        """The change as actions of a transaction that others may extend."""
        expires_at = epoch_seconds(now + _COUNTERS_KEPT)
        return [
            *(self._counter(count, expires_at) for count in change.counts),
            *(self._remember(one, expires_at) for one in change.remembered),
        ]

    def _counter(self, count: Count, expires_at: int) -> dict[str, Any]:
        return self._update(
            {"pk": f"popularity#{count.scope}", "sk": item_key(count.item)},
            "SET expires_at = :expires_at ADD #count :by",
            {":by": count.by, ":expires_at": expires_at},
            {"#count": "count"},
        )

    def _remember(self, one: Remembered, expires_at: int) -> dict[str, Any]:
        values: Record = {":expires_at": expires_at}
        settings, additions = ["expires_at = :expires_at"], []
        for name in ("bought", "ignored", "rejected"):
            if number := getattr(one, name):
                additions.append(f"{name} :{name}")
                values[f":{name}"] = number
        if one.bought:
            settings.append("bought_at = :at")
            values[":at"] = milliseconds(one.at)
        key = {"pk": f"customer#{one.customer_id}", "sk": item_key(one.item)}
        return self._update(key, f"SET {', '.join(settings)} ADD {', '.join(additions)}", values)

    def _update(
        self,
        key: Record | dict[str, str],
        expression: str,
        values: Mapping[str, Any],
        names: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": encode(key),
            "UpdateExpression": expression,
            "ExpressionAttributeValues": encode(values),
        }
        return {"Update": {**update, "ExpressionAttributeNames": names} if names else update}


def _memory(record: Record) -> Memory:
    bought_at = record.get("bought_at")
    return Memory(
        bought=int(record.get("bought", 0)),
        bought_at=read_milliseconds(int(bought_at)) if bought_at is not None else None,
        ignored=int(record.get("ignored", 0)),
        rejected=int(record.get("rejected", 0)),
    )
