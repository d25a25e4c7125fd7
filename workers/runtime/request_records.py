"""The records of requests for reservations, which the gateway makes, and the lines that they stand in.

A record has a `line` from its making until its request is decided: `unsent:<id>` before the queue has taken it, then
`<session>:<sector>` with the queue's `sequence` number. The index `waiting` holds just those (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from workers.runtime.logging import log

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "waiting"
UNSENT = "unsent:"
_DIGITS = 39
_STATEMENTS_AT_ONCE = 25  # BatchExecuteStatement's limit


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the index tells of a request. `since` is when it came into this line."""

    reservation_id: str
    line: str
    sequence: int
    since: datetime

    @property
    def is_unsent(self) -> bool:
        return self.line.startswith(UNSENT)


@dataclass(frozen=True, slots=True)
class Record:
    """`line` is None once it is decided; `resent` counts how often it was put on the queue anew."""

    reservation_id: str
    customer_id: str
    session_id: str
    sector_id: str
    quantity: int
    seat_ids: list[str] | None
    idempotency_key: str
    requested_at: str
    line: str | None
    resent: int

    @property
    def group(self) -> str:
        return f"{self.session_id}:{self.sector_id}"

    def message(self) -> str:
        """As the gateway puts it on the queue."""
        fields = ("reservation_id", "customer_id", "session_id", "sector_id", "quantity", "seat_ids", "idempotency_key")
        body: dict[str, Any] = {"version": 1, **{name: getattr(self, name) for name in fields}}
        return msgspec.json.encode({**body, "requested_at": self.requested_at}).decode()


@dataclass(frozen=True, slots=True)
class RequestRecords:
    table: str
    dynamodb: DynamoDBClient

    def leave_line(self, reservation_ids: Sequence[str]) -> None:
        """They are decided: they stand in no line any more. What fails is made good by the sweep of requests."""
        for start in range(0, len(reservation_ids), _STATEMENTS_AT_ONCE):
            part = reservation_ids[start : start + _STATEMENTS_AT_ONCE]
            statement = f'UPDATE "{self.table}" SET decided = ? REMOVE line WHERE reservation_id = ?'  # noqa: S608
            try:
                self.dynamodb.batch_execute_statement(
                    Statements=[
                        {"Statement": statement, "Parameters": [{"BOOL": True}, {"S": reservation_id}]}
                        for reservation_id in part
                    ]
                )
            except (BotoCoreError, ClientError) as exc:
                log("lines_not_left", level="warning", requests=len(part), reason=type(exc).__name__)

    def waiting(self, most: int) -> Iterator[Waiting]:
        """All who stand in a line, in no order; at most so many."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table, IndexName=INDEX, PaginationConfig={"MaxItems": most, "PageSize": 1_000}
        )
        for page in pages:
            yield from map(_waiting, page["Items"])

    def read(self, reservation_id: str) -> Record | None:
        item = self.dynamodb.get_item(TableName=self.table, Key=_key(reservation_id), ConsistentRead=True).get("Item")
        return _record(item) if item else None

    def move(self, waiting: Waiting, record: Record, sequence: int, resent: int) -> None:
        """It stands in its line with this number, unless somebody else has moved it meanwhile."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key=_key(waiting.reservation_id),
                UpdateExpression="SET line = :line, #sequence = :sequence, since = :now, resent = :resent",
                ConditionExpression="line = :before AND #sequence = :number",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues={
                    ":line": {"S": record.group},
                    ":sequence": {"S": f"{sequence:0{_DIGITS}}"},
                    ":now": {"S": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")},
                    ":resent": {"N": str(resent)},
                    ":before": {"S": waiting.line},
                    ":number": {"S": f"{waiting.sequence:0{_DIGITS}}"},
                },
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            log("request_moved_by_another", reservation_id=waiting.reservation_id)


def chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    ordered = list(items)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _key(reservation_id: str) -> Any:
    return {"reservation_id": {"S": reservation_id}}


def _waiting(item: Any) -> Waiting:
    return Waiting(
        reservation_id=item["reservation_id"]["S"],
        line=item["line"]["S"],
        sequence=int(item["sequence"]["S"]),
        since=datetime.fromisoformat(item["since"]["S"]),
    )


def _record(item: Any) -> Record:
    seats = item.get("seat_ids")
    return Record(
        reservation_id=item["reservation_id"]["S"],
        customer_id=item["customer_id"]["S"],
        session_id=item["session_id"]["S"],
        sector_id=item["sector_id"]["S"],
        quantity=int(item["quantity"]["N"]),
        seat_ids=[seat["S"] for seat in seats["L"]] if seats else None,
        idempotency_key=item["idempotency_key"]["S"],
        requested_at=item["requested_at"]["S"],
        line=item["line"]["S"] if "line" in item else None,
        resent=int(item["resent"]["N"]) if "resent" in item else 0,
    )
