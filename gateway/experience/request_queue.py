"""Requests for reservations: recorded in DynamoDB, then put on the SQS FIFO queue.

The record comes first and says whether the message was sent: a crash or a refusing queue between the two is made good
by the next request with the same key.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gateway.experience.aws import AwsClients
from gateway.experience.errors import QueueUnavailable, StoreUnavailable
from gateway.experience.reservation_request import KeyReused, Recorded, ReservationRequest

log = structlog.get_logger(__name__)

KEPT_SECONDS: Final = 7 * 24 * 3_600
_BACKLOG_SECONDS: Final = 1.0


class RequestQueue:
    def __init__(self, aws: AwsClients, table: str, queue_url: str) -> None:
        self._aws = aws
        self._table = table
        self._queue_url = queue_url
        self._backlog: tuple[float, int] | None = None

    async def enqueue(self, request: ReservationRequest) -> Recorded:
        """The recorded request, on the queue. Raises KeyReused, StoreUnavailable and QueueUnavailable."""
        recorded = await self._find(request) or await self._record(request)
        if not recorded.sent:
            await self._send(recorded)
        return recorded

    async def position(self, recorded: Recorded) -> int:
        """How many requests are served until this one is: an estimate, never more than have been made for the sector.

        The backlog of the whole queue bounds it; the sector's own share of it is not known here.
        """
        now = time.monotonic()
        if self._backlog is None or now - self._backlog[0] > _BACKLOG_SECONDS:
            try:
                answer = await self._aws.call(
                    self._aws.sqs.get_queue_attributes,
                    QueueUrl=self._queue_url,
                    AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
                )
            except (BotoCoreError, ClientError):
                return recorded.sequence
            self._backlog = (now, sum(int(value) for value in answer["Attributes"].values()))
        return max(1, min(recorded.sequence, self._backlog[1]))

    async def _find(self, request: ReservationRequest) -> Recorded | None:
        try:
            answer = await self._aws.call(
                self._aws.dynamodb.get_item,
                TableName=self._table,
                Key={"reservation_id": {"S": str(request.reservation_id)}},
                ConsistentRead=True,
            )
        except (BotoCoreError, ClientError) as exc:
            raise _store_unavailable(exc) from exc
        item: dict[str, Any] | None = answer.get("Item")
        if item is None:
            return None
        if item["input_hash"]["S"] != request.input_hash:
            raise KeyReused
        return Recorded(request, int(item["sequence"]["N"]), item["requested_at"]["S"], item["sent"]["BOOL"], new=False)

    async def _record(self, request: ReservationRequest) -> Recorded:
        sequence = await self._next_sequence(request.group)
        requested_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        item: dict[str, Any] = {
            "reservation_id": {"S": str(request.reservation_id)},
            "customer_id": {"S": str(request.customer_id)},
            "idempotency_key": {"S": request.idempotency_key},
            "input_hash": {"S": request.input_hash},
            "session_id": {"S": str(request.session_id)},
            "sector_id": {"S": str(request.sector_id)},
            "quantity": {"N": str(request.quantity)},
            "sequence": {"N": str(sequence)},
            "requested_at": {"S": requested_at},
            "sent": {"BOOL": False},
            "expires_at": {"N": str(int(time.time()) + KEPT_SECONDS)},
        }
        if request.seat_ids is not None:
            item["seat_ids"] = {"L": [{"S": str(seat)} for seat in request.seat_ids]}
        try:
            await self._aws.call(
                self._aws.dynamodb.put_item,
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(reservation_id)",
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise _store_unavailable(exc) from exc
            # The same request came twice at the same moment; the other one made the record.
            found = await self._find(request)
            if found is None:
                raise StoreUnavailable("the record of a request vanished") from exc
            return found
        except BotoCoreError as exc:
            raise _store_unavailable(exc) from exc
        return Recorded(request, sequence, requested_at, sent=False, new=True)

    async def _next_sequence(self, group: str) -> int:
        try:
            answer = await self._aws.call(
                self._aws.dynamodb.update_item,
                TableName=self._table,
                Key={"reservation_id": {"S": f"counter#{group}"}},
                UpdateExpression="ADD issued :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
                ReturnValues="UPDATED_NEW",
            )
        except (BotoCoreError, ClientError) as exc:
            raise _store_unavailable(exc) from exc
        return int(answer["Attributes"]["issued"]["N"])

    async def _send(self, recorded: Recorded) -> None:
        request = recorded.request
        try:
            await self._aws.call(
                self._aws.sqs.send_message,
                QueueUrl=self._queue_url,
                MessageBody=recorded.message().decode(),
                MessageGroupId=request.group,
                MessageDeduplicationId=str(request.reservation_id),
            )
        except (BotoCoreError, ClientError) as exc:
            log.error("reservation_request_not_queued", reservation_id=str(request.reservation_id), reason=_reason(exc))
            raise QueueUnavailable("the queue did not take the request") from exc
        try:
            await self._aws.call(
                self._aws.dynamodb.update_item,
                TableName=self._table,
                Key={"reservation_id": {"S": str(request.reservation_id)}},
                UpdateExpression="SET sent = :yes",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
        except (BotoCoreError, ClientError) as exc:
            # It is on the queue: a replay sends it again, and both queue and ticketing take it once.
            log.warning("sent_flag_not_written", reservation_id=str(request.reservation_id), reason=_reason(exc))


def _store_unavailable(exc: Exception) -> StoreUnavailable:
    log.error("reservation_request_not_recorded", reason=_reason(exc))
    return StoreUnavailable("the record of requests did not answer")


def _reason(exc: Exception) -> str:
    return str(exc.response["Error"]["Code"]) if isinstance(exc, ClientError) else type(exc).__name__
