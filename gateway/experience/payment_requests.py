"""What was asked under each idempotency key of `payReservation`, and which payment came of it."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from gateway.experience.aws import AwsClients
from gateway.experience.errors import StoreUnavailable
from gateway.experience.ids import derived_key
from gateway.experience.request_queue import KEPT_SECONDS
from gateway.experience.reservation_request import KeyReused


@dataclass(frozen=True, slots=True)
class PaymentRequests:
    """Kept beside the reservation requests, under keys of their own."""

    aws: AwsClients
    table: str

    async def claim(self, customer_id: UUID, idempotency_key: str, input_hash: str) -> str | None:
        """Keeps the key for this input; what was concluded when this input has been paid with it before.

        Raises KeyReused when the key is another input's, and StoreUnavailable.
        """
        key = _key(customer_id, idempotency_key)
        try:
            answer = await self.aws.call(
                self.aws.dynamodb.update_item,
                TableName=self.table,
                Key=key,
                UpdateExpression="SET input_hash = :hash, expires_at = :end",
                ConditionExpression="attribute_not_exists(reservation_id) OR input_hash = :hash",
                ExpressionAttributeValues={":hash": {"S": input_hash}, ":end": _end()},
                ReturnValues="ALL_NEW",
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise KeyReused from exc
            raise StoreUnavailable("the record of payments did not answer") from exc
        except BotoCoreError as exc:
            raise StoreUnavailable("the record of payments did not answer") from exc
        attributes: dict[str, Any] = answer["Attributes"]
        return attributes["payment_id"]["S"] if "payment_id" in attributes else None

    async def conclude(self, customer_id: UUID, idempotency_key: str, payment_id: str) -> None:
        """Keeps the payment's id, or NOTHING_TO_PAY, as the key's result. Raises StoreUnavailable."""
        try:
            await self.aws.call(
                self.aws.dynamodb.update_item,
                TableName=self.table,
                Key=_key(customer_id, idempotency_key),
                UpdateExpression="SET payment_id = :payment",
                ExpressionAttributeValues={":payment": {"S": payment_id}},
            )
        except (BotoCoreError, ClientError) as exc:
            raise StoreUnavailable("the record of payments did not answer") from exc


def _key(customer_id: UUID, idempotency_key: str) -> Any:
    return {"reservation_id": {"S": f"payment#{derived_key(customer_id, idempotency_key, 'pay')}"}}


def _end() -> Any:
    return {"N": str(int(time.time()) + KEPT_SECONDS)}
