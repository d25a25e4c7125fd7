"""Requests for reservations: recorded in DynamoDB, then put on the SQS FIFO queue, whose number is their place in line.

The record comes first, and says in which line the request stands: `unsent:<id>` until the queue has taken it, then
`<session>:<sector>` with the queue's own sequence number. The worker takes it out of the line once it is decided. The
index `waiting` holds just what stands in a line (docs/adr/0014).
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gateway.experience.aws import AwsBusy, AwsClients
from gateway.experience.errors import QueueUnavailable, StoreUnavailable
from gateway.experience.reservation_request import KeyReused, Recorded, ReservationRequest

log = structlog.get_logger(__name__)

KEPT_SECONDS: Final = 7 * 24 * 3_600
# The queue's numbers have up to 128 bits, which is 39 digits: as text of one length they sort as numbers do.
_DIGITS: Final = 39
_NO_NUMBER: Final = "0" * _DIGITS


@dataclass(frozen=True, slots=True)
class RequestQueue:
    aws: AwsClients
    table: str
    queue_url: str

    async def enqueue(self, request: ReservationRequest) -> Recorded:
        """The recorded request, on the queue. Raises KeyReused, StoreUnavailable and QueueUnavailable.

        Record and message are written by one function in one thread: a caller who leaves in between does not leave a
        record without its message.
        """
        try:
            return await self.aws.call(self._enqueue, request)
        except AwsBusy as exc:
            raise _store_unavailable(exc) from exc

    def _enqueue(self, request: ReservationRequest) -> Recorded:
        recorded = self._record(request)
        if recorded.sequence is not None:
            return recorded
        sequence = self._send(recorded)
        self._stand_in_line(request, sequence)
        return Recorded(request, recorded.requested_at, sequence)

    def _record(self, request: ReservationRequest) -> Recorded:
        requested_at = _now()
        try:
            self.aws.dynamodb.put_item(
                TableName=self.table,
                Item=_item(request, requested_at),
                ConditionExpression="attribute_not_exists(reservation_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise _store_unavailable(exc) from exc
            present: Any = exc.response
            return _recorded(request, present["Item"])
        except BotoCoreError as exc:
            raise _store_unavailable(exc) from exc
        return Recorded(request, requested_at)

    def _send(self, recorded: Recorded) -> int:
        request = recorded.request
        try:
            answer = self.aws.sqs.send_message(
                QueueUrl=self.queue_url,
                MessageBody=recorded.message().decode(),
                MessageGroupId=request.group,
                MessageDeduplicationId=str(request.reservation_id),
            )
        except (BotoCoreError, ClientError) as exc:
            log.error("reservation_request_not_queued", reservation_id=str(request.reservation_id), reason=_reason(exc))
            raise QueueUnavailable("the queue did not take the request") from exc
        return int(answer["SequenceNumber"])

    def _stand_in_line(self, request: ReservationRequest, sequence: int) -> None:
        try:
            self.aws.dynamodb.update_item(
                TableName=self.table,
                Key={"reservation_id": {"S": str(request.reservation_id)}},
                UpdateExpression="SET line = :line, #sequence = :sequence, since = :now",
                # Not when it has been decided already, or been sent by another.
                ConditionExpression="line = :unsent",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues={
                    ":line": {"S": request.group},
                    ":sequence": {"S": f"{sequence:0{_DIGITS}}"},
                    ":now": {"S": _now()},
                    ":unsent": {"S": _unsent(request)},
                },
            )
        except (BotoCoreError, ClientError) as exc:
            if _reason(exc) != "ConditionalCheckFailedException":
                # It is on the queue: the sweep of requests sends it again, and the queue takes it once.
                log.warning(
                    "place_in_line_not_written", reservation_id=str(request.reservation_id), reason=_reason(exc)
                )


def _item(request: ReservationRequest, requested_at: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "reservation_id": {"S": str(request.reservation_id)},
        "customer_id": {"S": str(request.customer_id)},
        "idempotency_key": {"S": request.idempotency_key},
        "input_hash": {"S": request.input_hash},
        "session_id": {"S": str(request.session_id)},
        "sector_id": {"S": str(request.sector_id)},
        "quantity": {"N": str(request.quantity)},
        "requested_at": {"S": requested_at},
        "line": {"S": _unsent(request)},
        "sequence": {"S": _NO_NUMBER},
        "since": {"S": requested_at},
        "expires_at": {"N": str(int(time.time()) + KEPT_SECONDS)},
    }
    if request.seat_ids is not None:
        item["seat_ids"] = {"L": [{"S": str(seat)} for seat in request.seat_ids]}
    return item


def _recorded(request: ReservationRequest, item: dict[str, Any]) -> Recorded:
    """What was recorded before under this key. Raises KeyReused."""
    if item["input_hash"]["S"] != request.input_hash:
        raise KeyReused
    # Records of earlier versions have another kind of number, and are sent again: they are decided once all the same.
    sequence = int(item["sequence"].get("S", _NO_NUMBER)) or None
    return Recorded(request, item["requested_at"]["S"], sequence, queued_before=sequence is not None)


def _unsent(request: ReservationRequest) -> str:
    return f"unsent:{request.reservation_id}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _store_unavailable(exc: Exception) -> StoreUnavailable:
    log.error("reservation_request_not_recorded", reason=_reason(exc))
    return StoreUnavailable("the record of requests did not answer")


def _reason(exc: Exception) -> str:
    return str(exc.response["Error"]["Code"]) if isinstance(exc, ClientError) else type(exc).__name__
