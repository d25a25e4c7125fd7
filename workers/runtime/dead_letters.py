"""Messages that can never be handled: put where people look, at once, instead of being read hundreds of times more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workers.runtime.errors import PermanentFault
from workers.runtime.logging import log

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def move_to_dead_letters(
    sqs: SQSClient, dead_letters_url: str, record: Mapping[str, Any], fault: PermanentFault
) -> None:
    """A copy of a record of an SQS batch, with its reason; who calls lets the original go. Raises WorkerFault."""
    sqs.send_message(
        QueueUrl=dead_letters_url,
        MessageBody=record["body"],
        MessageAttributes={"reason": {"DataType": "String", "StringValue": str(fault)[:1_000]}},
    )
    log("message_moved_to_dead_letters", level="error", message_id=record["messageId"], reason=str(fault))
