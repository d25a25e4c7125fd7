"""One batch of the queue: parse all, allocate what can be read in one call, start a flow for each hold.

Order is kept within a message group: once a message of a group has failed, those behind it wait with it. A message
that can never be handled is not a failure: its buyer is told, and it is moved to the dead-letter queue at once, so that
it holds up nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response

from workers.reservation_requests.allocate import Outcome, Queued, allocate
from workers.reservation_requests.messages import MalformedMessage, ReservationRequest, read_request
from workers.runtime.errors import PermanentFault, TransientFault
from workers.runtime.executions import start_once
from workers.runtime.failed_requests import fail_request
from workers.runtime.instants import to_the_second
from workers.runtime.later import try_again_later
from workers.runtime.logging import log
from workers.runtime.request_records import RequestRecords
from workers.runtime.subgraph_client import SubgraphClient

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_HELD = "HELD"
_LONGEST_BATCH = 10
Result = Outcome | PermanentFault | TransientFault


@dataclass(frozen=True, slots=True)
class Worker:
    services: SubgraphClient
    machines: SFNClient
    sqs: SQSClient
    records: RequestRecords
    reservation_flow_arn: str
    queue_url: str
    dead_letters_url: str

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Takes an SQS event, gives the partial batch response (`{batchItemFailures: [{itemIdentifier}]}`)."""
        records = event["Records"]
        if not records:  # as whoever starts the function before it is needed sends it
            return {"batchItemFailures": []}
        results = self._results(records)
        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
        # A batch that failed as a whole is reported message by message too, to come back soon and not when its
        # visibility timeout ends.
        processor.raise_on_entire_batch_failure = False
        answer = process_partial_response(
            event=dict(event),
            record_handler=lambda record: self._conclude(record, results[record["messageId"]]),
            processor=processor,
        )
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        # Also whose flow could not be started: the request is decided, and its message comes again.
        self.records.leave_line([result.reservation_id for result in results.values() if isinstance(result, Outcome)])
        for record in records:
            if record["messageId"] in failed:
                try_again_later(self.sqs, self.queue_url, record)
        log("reservation_batch_handled", messages=len(records), failed=len(failed))
        return {"batchItemFailures": list(answer["batchItemFailures"])}

    def _results(self, records: list[dict[str, Any]]) -> dict[str, Result]:
        results: dict[str, Result] = {}
        readable: list[tuple[str, Queued]] = []
        for record in records:
            try:
                queued = Queued(read_request(record["body"]), record["attributes"]["SequenceNumber"])
                readable.append((record["messageId"], queued))
            except PermanentFault as exc:
                results[record["messageId"]] = exc
        for start in range(0, len(readable), _LONGEST_BATCH):
            part = readable[start : start + _LONGEST_BATCH]
            ids = [message_id for message_id, _ in part]
            try:
                results.update(zip(ids, allocate(self.services, [queued for _, queued in part]), strict=True))
            except TransientFault as exc:
                log("allocation_postponed", level="warning", messages=len(part), reason=str(exc))
                results.update(dict.fromkeys(ids, exc))
        return results

    def _conclude(self, record: Mapping[str, Any], result: Result) -> None:
        if isinstance(result, TransientFault):
            raise result
        if isinstance(result, PermanentFault):
            if not isinstance(result, MalformedMessage):
                self._tell_buyer(read_request(record["body"]))
            self._move_to_dead_letters(record, result)
            return
        log("reservation_decided", reservation_id=result.reservation_id, status=result.status)
        if result.status == _HELD and result.held_until is not None:
            request = read_request(record["body"])
            start_once(
                self.machines,
                self.reservation_flow_arn,
                result.reservation_id,
                {
                    "reservation_id": result.reservation_id,
                    "customer_id": request.customer_id,
                    "held_until": to_the_second(result.held_until),
                },
            )

    def _tell_buyer(self, request: ReservationRequest) -> None:
        """Before its message is put aside: should this function die in between, both happen again."""
        try:
            fail_request(self.services, request)
        except PermanentFault as exc:
            # It stays in its line, and the sweep of requests tries it again.
            log("request_not_ended", level="error", reservation_id=request.reservation_id, reason=str(exc))
            return
        self.records.leave_line([request.reservation_id])

    def _move_to_dead_letters(self, record: Mapping[str, Any], fault: PermanentFault) -> None:
        self.sqs.send_message(
            QueueUrl=self.dead_letters_url,
            MessageBody=record["body"],
            MessageGroupId=record["attributes"]["MessageGroupId"],
            MessageDeduplicationId=record["messageId"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": str(fault)[:1_000]}},
        )
        log("message_moved_to_dead_letters", level="error", message_id=record["messageId"], reason=str(fault))
