"""When a message that could not be handled is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workers.runtime.errors import WorkerFault
from workers.runtime.logging import log

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LONGEST_SECONDS = 60


def try_again_later(sqs: SQSClient, queue_url: str, record: Mapping[str, Any]) -> None:
    """Makes a failed record of an SQS batch visible again after 2, 4, 8 … 60 s, by how often it has been received.

    The queue's own visibility timeout is made for functions that died; faults that pass deserve a quicker return.
    Where SQS does not listen, that timeout is what remains: the rest of the batch is not to suffer from it.
    """
    received = int(record["attributes"].get("ApproximateReceiveCount", "1"))
    try:
        sqs.change_message_visibility(
            QueueUrl=queue_url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=min(_LONGEST_SECONDS, 2 ** min(received, 6)),
        )
    except WorkerFault as exc:
        log("message_left_invisible", level="warning", message_id=record["messageId"], reason=str(exc))
