"""Task tokens of waiting executions, and giving each its answer once.

A state machine stores its token as item `{id, token, execution, expires_at}` and waits. Whoever has news for it claims
the item (`claimed_by`, with the `answer` that it brings), completes the task, and marks the item `delivered`. Claiming
comes first, so that of two signals that come at once exactly one is the answer, and the other learns that it was not.

A claim may be written and its answer yet not be delivered: Step Functions throttles, or the function is stopped in
between. Whoever comes next, the same signal or another, then delivers the claimed answer before anything else.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from workers.runtime.errors import TransientFault
from workers.runtime.logging import log

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


class Delivery(enum.Enum):
    DELIVERED = "delivered"
    REPEATED = "repeated"  # this very signal has been delivered before
    SUPERSEDED = "superseded"  # another signal was the answer, and has been delivered
    ABSENT = "absent"  # nobody has been waiting, or not yet
    LOST = "lost"  # who waited is gone: timed out, aborted, or lost with its machine


DEADLINE_REACHED = "DeadlineReached"
# A wait that is replaced by a new one while its answer is on the way is looked at again. Waits last for minutes: more
# than two replacements within one delivery do not happen.
_LOOKS = 3


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the waiting task is given: an output (JSON), or an error that its state machine catches."""

    output: str = "{}"
    error: str = ""
    cause: str = ""


class Wait(msgspec.Struct, frozen=True):
    """One item of the table; `answer` is there once it is claimed."""

    token: str
    claimed_by: str | None = None
    answer: str = "{}"
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class TaskTokens:
    table: str
    dynamodb: DynamoDBClient
    machines: SFNClient

    def succeed(self, token_id: str, signal: str, output: Mapping[str, Any]) -> Delivery:
        """`signal` names the news (`paid:<payment>`): the same again changes nothing. Raises WorkerFault."""
        return self._deliver(token_id, signal, Answer(output=msgspec.json.encode(output).decode()))

    def reach_deadline(self, token_id: str) -> Delivery:
        """Fails the waiting task with `DeadlineReached`, which its state machine catches. Raises WorkerFault."""
        return self._deliver(token_id, "deadline", Answer(error=DEADLINE_REACHED, cause="The time to wait is over."))

    def _deliver(self, token_id: str, signal: str, answer: Answer) -> Delivery:
        for _ in range(_LOOKS):
            wait = self._claim(token_id, signal, answer)
            if wait is None:
                return Delivery.ABSENT
            mine = wait.claimed_by == signal
            if wait.delivered:
                return Delivery.REPEATED if mine else Delivery.SUPERSEDED
            if wait.claimed_by is not None and self._send(wait):
                self._mark_delivered(token_id, wait.token)
                return Delivery.DELIVERED if mine else Delivery.SUPERSEDED
            # Somebody may have delivered it meanwhile, or the execution may wait anew, with a token nobody has claimed.
            now = self._find(token_id)
            if now is None:
                return Delivery.ABSENT
            if now.token == wait.token and now.claimed_by is not None and not now.delivered:
                return Delivery.LOST
        raise TransientFault(f"{token_id} begins to wait anew again and again")

    def _send(self, wait: Wait) -> bool:
        """Completes the task with the claimed answer; False when nobody waits with this token any more."""
        answer = msgspec.json.decode(wait.answer, type=Answer)
        gone = self.machines.exceptions
        try:
            if answer.error:
                self.machines.send_task_failure(taskToken=wait.token, error=answer.error, cause=answer.cause)
            else:
                self.machines.send_task_success(taskToken=wait.token, output=answer.output)
        except (gone.TaskDoesNotExist, gone.TaskTimedOut, gone.InvalidToken):
            return False
        return True

    def _claim(self, token_id: str, signal: str, answer: Answer) -> Wait | None:
        """The item after the claim, whoever holds it; None when there is none."""
        refused = self.dynamodb.exceptions.ConditionalCheckFailedException
        try:
            claimed = self.dynamodb.update_item(
                TableName=self.table,
                Key={"id": {"S": token_id}},
                UpdateExpression="SET claimed_by = :signal, answer = :answer",
                ConditionExpression="attribute_exists(id) AND attribute_not_exists(claimed_by)",
                ExpressionAttributeValues={
                    ":signal": {"S": signal},
                    ":answer": {"S": msgspec.json.encode(answer).decode()},
                },
                ReturnValues="ALL_NEW",
            )
            return _wait(claimed["Attributes"])
        except refused:
            return self._find(token_id)

    def _find(self, token_id: str) -> Wait | None:
        found = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": token_id}}, ConsistentRead=True)
        item = found.get("Item")
        return _wait(item) if item else None

    def _mark_delivered(self, token_id: str, token: str) -> None:
        """Spares others a second delivery, which Step Functions would refuse. Nothing more hangs on it."""
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
        except TransientFault as exc:
            log("delivery_not_marked", level="warning", token_id=token_id, reason=str(exc))


def _wait(item: Mapping[str, Any]) -> Wait:
    return msgspec.convert({name: next(iter(value.values())) for name, value in item.items()}, Wait)
