"""Task tokens of waiting executions, and giving each its answer once.

A state machine stores its token as item `{id, token, execution, expires_at}` and waits. Whoever has news for it claims
the item (`claimed_by`), completes the task, and marks the item `delivered`. Claiming comes first, so that of two
signals that come at once exactly one is the answer, and the other learns that it was not.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


class Delivery(enum.Enum):
    DELIVERED = "delivered"
    REPEATED = "repeated"  # this very signal has been delivered before
    SUPERSEDED = "superseded"  # another signal was the answer
    ABSENT = "absent"  # nobody has been waiting, or not yet
    LOST = "lost"  # who waited is gone: timed out, aborted, or lost with its machine


DEADLINE_REACHED = "DeadlineReached"


@dataclass(frozen=True, slots=True)
class TaskTokens:
    table: str
    dynamodb: DynamoDBClient
    machines: SFNClient

    def succeed(self, token_id: str, signal: str, output: Mapping[str, Any]) -> Delivery:
        """`signal` names the news (`paid:<payment>`): the same again changes nothing."""
        encoded = msgspec.json.encode(output).decode()
        return self._deliver(
            token_id, signal, lambda token: self.machines.send_task_success(taskToken=token, output=encoded)
        )

    def reach_deadline(self, token_id: str) -> Delivery:
        """Fails the waiting task with `DeadlineReached`, which its state machine catches."""
        return self._deliver(
            token_id,
            "deadline",
            lambda token: self.machines.send_task_failure(
                taskToken=token, error=DEADLINE_REACHED, cause="The time to wait is over."
            ),
        )

    def _deliver(self, token_id: str, signal: str, send: Any) -> Delivery:
        item = self._claim(token_id, signal)
        if item is None:
            return Delivery.ABSENT
        if item.get("claimed_by") != signal:
            return Delivery.SUPERSEDED
        if item.get("delivered"):
            return Delivery.REPEATED
        gone = self.machines.exceptions
        try:
            send(item["token"])
        except (gone.TaskDoesNotExist, gone.TaskTimedOut, gone.InvalidToken):
            return Delivery.LOST
        self._mark_delivered(token_id, item["token"])
        return Delivery.DELIVERED

    def _claim(self, token_id: str, signal: str) -> dict[str, Any] | None:
        """The item after the claim, whoever holds it; None when there is none."""
        refused = self.dynamodb.exceptions.ConditionalCheckFailedException
        key = {"id": {"S": token_id}}
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=key,
                UpdateExpression="SET claimed_by = :signal",
                ConditionExpression="attribute_exists(id) AND attribute_not_exists(claimed_by)",
                ExpressionAttributeValues={":signal": {"S": signal}},
                ReturnValues="ALL_NEW",
            )
            return _plain(answer["Attributes"])
        except refused:
            found = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
            return _plain(found) if found else None

    def _mark_delivered(self, token_id: str, token: str) -> None:
        refused = self.dynamodb.exceptions.ConditionalCheckFailedException
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"id": {"S": token_id}},
                UpdateExpression="SET delivered = :yes",
                # The execution may be waiting again already, with another token under the same id.
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":yes": {"BOOL": True}, ":token": {"S": token}},
            )
        except refused:
            return


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in item.items()}
