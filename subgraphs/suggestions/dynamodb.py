"""DynamoDB in plain Python values (text and whole numbers), with its faults mapped to ours."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from subgraphs.chassis.aws import Aws
from subgraphs.suggestions.errors import ConditionFailed, StoreUnavailable

Value: TypeAlias = str | int
Record: TypeAlias = dict[str, Value]

# Limits of the API itself.
KEYS_PER_GET: Final = 100
ITEMS_PER_PUT: Final = 25

_ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 0.05


def encode(values: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """As DynamoDB wants it: `{"pk": {"S": "x"}, "n": {"N": "1"}}`."""
    return {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in values.items()}


def decode(item: Mapping[str, Mapping[str, str]]) -> Record:
    """The reverse of `encode`; attributes of other types are not ours and are left out."""
    return {
        name: value["S"] if "S" in value else int(value["N"])
        for name, value in item.items()
        if "S" in value or "N" in value
    }


class DynamoDB:
    """Every call raises `StoreUnavailable` when DynamoDB cannot do it, `transact` also `ConditionFailed`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def get_many(self, table: str, keys: Sequence[Mapping[str, Value]]) -> list[Record]:
        """Those of the records that exist, in no order; a hundred at a time, side by side."""
        parts = [keys[start : start + KEYS_PER_GET] for start in range(0, len(keys), KEYS_PER_GET)]
        found = await asyncio.gather(*(self._get_part(table, part) for part in parts))
        return [record for part in found for record in part]

    async def _get_part(self, table: str, keys: Sequence[Mapping[str, Value]]) -> list[Record]:
        found: list[Record] = []
        wanted: dict[str, Any] = {table: {"Keys": [encode(key) for key in keys]}}
        for attempt in range(_ATTEMPTS):
            answer = await self._call("batch_get_item", RequestItems=wanted)
            found += [decode(item) for item in answer["Responses"].get(table, [])]
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        raise StoreUnavailable("DynamoDB left keys unread")

    async def put_many(self, table: str, records: Sequence[Mapping[str, Value]]) -> None:
        """Write records that nothing is known about yet: each on its own, not all or nothing."""
        for start in range(0, len(records), ITEMS_PER_PUT):
            part = records[start : start + ITEMS_PER_PUT]
            left: dict[str, Any] = {table: [{"PutRequest": {"Item": encode(record)}} for record in part]}
            for attempt in range(_ATTEMPTS):
                left = (await self._call("batch_write_item", RequestItems=left)).get("UnprocessedItems") or {}
                if not left:
                    break
                await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
            else:
                raise StoreUnavailable("DynamoDB left records unwritten")

    async def get(self, table: str, key: Mapping[str, Value]) -> Record | None:
        """The record as it stands after all writes that were answered."""
        answer = await self._call("get_item", TableName=table, Key=encode(key), ConsistentRead=True)
        return decode(answer["Item"]) if "Item" in answer else None

    async def update(self, table: str, key: Mapping[str, Value], expression: str, values: Mapping[str, Value]) -> None:
        """Make the record, or change it, by an update expression."""
        await self._call(
            "update_item",
            TableName=table,
            Key=encode(key),
            UpdateExpression=expression,
            ExpressionAttributeValues=encode(values),
        )

    async def query(self, table: str, partition: str, limit: int) -> list[Record]:
        """The first records of a partition of the key attribute `pk`."""
        answer = await self._call(
            "query",
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=encode({":pk": partition}),
            Limit=limit,
        )
        return [decode(item) for item in answer["Items"]]

    async def transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """All or nothing, at most 100 actions on different records."""
        await self._call("transact_write_items", TransactItems=list(actions))

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        with _our_faults(operation):
            return await self._aws.call("dynamodb", operation, **parameters)


@contextmanager
def _our_faults(operation: str) -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        reasons: list[dict[str, Any]] = exc.response.get("CancellationReasons", [])  # type: ignore[assignment]
        failed = tuple(at for at, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed")
        if failed:
            raise ConditionFailed(failed) from exc
        raise StoreUnavailable(f"{operation}: {exc.response['Error']['Code']}") from exc
    except BotoCoreError as exc:
        raise StoreUnavailable(f"{operation}: {type(exc).__name__}") from exc
