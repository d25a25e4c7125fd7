"""Requests that nobody would decide any more: sent (again), or ended, within minutes.

A request can be recorded and not sent (the gateway died in between), and its message can be lost or end among the dead
letters. Ticketing decides a request once, however often it comes, so that sending again is always safe.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from workers.runtime.errors import PermanentFault
from workers.runtime.failed_requests import fail_request
from workers.runtime.logging import log
from workers.runtime.request_records import Record, RequestRecords, Waiting, chunks
from workers.runtime.subgraph_client import SubgraphClient

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# The gateway is given so long to send what it has recorded, and the worker to take out of the line what is decided.
UNSENT_AFTER = timedelta(seconds=30)
LOST_AFTER = timedelta(seconds=60)
# SQS counts its messages with a delay of up to a minute.
EMPTY_AFTER = timedelta(minutes=2)
# A queue that others keep filled tells nothing about this message; and a line may be long.
GIVEN_UP_AFTER = timedelta(minutes=30)
RESENT_AT_MOST = 3
_MOST_LOOKED_AT = 20_000
_ASKED_AT_ONCE = 500
_SECONDS = 12.0  # of the function's twenty

_SERVED = "query LinesServed($ids: [ID!]!) { linesServed(sectorIds: $ids) { sessionId sectorId sequence } }"
_DECIDED = "query DecidedReservations($ids: [ID!]!) { decidedReservations(reservationIds: $ids) }"


@dataclass(frozen=True, slots=True)
class Sweep:
    services: SubgraphClient
    records: RequestRecords
    sqs: SQSClient
    queue_url: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> dict[str, int]:
        """How many were `sent`, `resent`, `ended` and `tidied`; the rest comes with the next minute.

        In the order of the lines, so that what is sent again keeps its order. Raises WorkerFault.
        """
        deadline = time.monotonic() + _SECONDS
        now, done = self.now(), Counter[str](sent=0, resent=0, ended=0, tidied=0)
        waiting = sorted(self.records.waiting(_MOST_LOOKED_AT), key=lambda each: (each.line, each.sequence, each.since))
        unsent = [each for each in waiting if each.is_unsent and now - each.since >= UNSENT_AFTER]
        for each in sorted(unsent, key=lambda each: each.since):
            if time.monotonic() < deadline:
                done.update(self._send_first(each))
        sent = [each for each in waiting if not each.is_unsent and now - each.since >= LOST_AFTER]
        if sent:
            self._find_lost(sent, now, deadline, done)
        if done.total():
            log("requests_swept", level="warning", counts=dict(done))
        return dict(done)

    def _find_lost(self, sent: list[Waiting], now: datetime, deadline: float, done: Counter[str]) -> None:
        served, empty = self._served(sent), self._queue_is_empty()
        suspicious = [
            each
            for each in sent
            if each.sequence <= served.get(each.line, 0)
            or (empty and now - each.since >= EMPTY_AFTER)
            or now - each.since >= GIVEN_UP_AFTER
        ]
        decided = self._decided(suspicious)
        self.records.leave_line([each.reservation_id for each in suspicious if each.reservation_id in decided])
        done["tidied"] += len(decided)
        for each in suspicious:
            if each.reservation_id not in decided and time.monotonic() < deadline:
                surely_lost = empty or each.sequence <= served.get(each.line, 0)
                done.update(self._send_again(each, keep_number=not surely_lost))

    def _send_first(self, waiting: Waiting) -> Iterable[str]:
        record = self.records.read(waiting.reservation_id)
        if record is None or record.line != waiting.line:
            return ()
        # The gateway's own deduplication id: if it did send the message, the queue takes it once.
        self.records.move(waiting, record, self._send(record, record.reservation_id), record.resent)
        return ("sent",)

    def _send_again(self, waiting: Waiting, *, keep_number: bool) -> Iterable[str]:
        record = self.records.read(waiting.reservation_id)
        if record is None or record.line != waiting.line:
            return ()
        if record.resent >= RESENT_AT_MOST:
            return self._end(record)
        # The same id again if this sweep dies before it has counted: the queue takes it once within five minutes.
        number = self._send(record, f"{record.reservation_id}-{record.resent + 1}")
        self.records.move(waiting, record, waiting.sequence if keep_number else number, record.resent + 1)
        return ("resent",)

    def _end(self, record: Record) -> Iterable[str]:
        try:
            fail_request(self.services, record)
        except PermanentFault as exc:
            # Ticketing refuses even this: somebody has to look, and the others go on.
            log("request_not_ended", level="error", reservation_id=record.reservation_id, reason=str(exc))
            return ()
        self.records.leave_line([record.reservation_id])
        return ("ended",)

    def _send(self, record: Record, deduplication_id: str) -> int:
        answer = self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=record.message(),
            MessageGroupId=record.group,
            MessageDeduplicationId=deduplication_id,
        )
        log("request_sent_by_sweep", reservation_id=record.reservation_id, resent=record.resent)
        return int(answer["SequenceNumber"])

    def _queue_is_empty(self) -> bool:
        answer = self.sqs.get_queue_attributes(
            QueueUrl=self.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return not any(int(count) for count in answer["Attributes"].values())

    def _served(self, sent: Iterable[Waiting]) -> dict[str, int]:
        """By line, the number that was decided last."""
        served: dict[str, int] = {}
        for ids in chunks(sorted({each.line.partition(":")[2] for each in sent}), _ASKED_AT_ONCE):
            for line in self.services.ask("ticketing", _SERVED, {"ids": ids})["linesServed"]:
                served[f"{line['sessionId']}:{line['sectorId']}"] = int(line["sequence"])
        return served

    def _decided(self, suspicious: Iterable[Waiting]) -> set[str]:
        decided: set[str] = set()
        for ids in chunks((each.reservation_id for each in suspicious), _ASKED_AT_ONCE):
            decided.update(self.services.ask("ticketing", _DECIDED, {"ids": ids})["decidedReservations"])
        return decided
