"""What each signal does to the flows: start one, give a waiting one its answer, or start one in the middle."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workers.flow_signals.events import (
    Deadline,
    Envelope,
    PaymentData,
    read_cancelled,
    read_deadline,
    read_envelope,
    read_payment,
    read_settled,
    reservation_of,
)
from workers.runtime.dead_letters import move_to_dead_letters
from workers.runtime.errors import PermanentFault, TransientFault, WorkerFault
from workers.runtime.executions import start_once
from workers.runtime.instants import to_the_second
from workers.runtime.logging import log
from workers.runtime.task_tokens import Delivery, TaskTokens
from workers.runtime.time_left import seconds_left

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_HEARD = frozenset({Delivery.DELIVERED, Delivery.REPEATED})
_LONGEST_DELAY_SECONDS = 900
# A deadline that is due at once may be read before its execution has stored the token.
_RECEIVES_BEFORE_GIVEN_UP = 5
# A record takes some ten milliseconds, and 1.5 s where one attempt of a call has no answer: with less than that left it
# would be cut off in the middle.
_SECONDS_FOR_A_RECORD = 2.0
_FRAMES_LOGGED = 5


@dataclass(frozen=True, slots=True)
class FlowSignals:
    tokens: TaskTokens
    machines: SFNClient
    sqs: SQSClient
    reservation_flow_arn: str
    payment_flow_arn: str
    queue_url: str
    dead_letters_url: str

    def signal(self, record: Mapping[str, Any]) -> None:
        """Handles one record of an SQS batch. Repeats change nothing. Raises WorkerFault."""
        envelope = read_envelope(record["body"])
        if envelope.type == "deadline.reached":
            received = int(record["attributes"].get("ApproximateReceiveCount", "1"))
            self._reach_deadline(record["body"], received)
            return
        handle = self._handlers().get(envelope.type)
        if handle is None:
            raise PermanentFault(f"nobody listens to {envelope.type}")
        handle(envelope)

    def _handlers(self) -> dict[str, Callable[[Envelope], None]]:
        return {
            "payment.created": self._follow_payment,
            "payment.succeeded": self._hear_success,
            "payment.failed": lambda envelope: self._hear_end(envelope, "FAILED"),
            "payment.expired": lambda envelope: self._hear_end(envelope, "EXPIRED"),
            "payment.cancelled": lambda envelope: self._hear_end(envelope, "CANCELLED"),
            "reservation.cancelled": self._cancel_reservation,
            "reservation.settled": self._settle_reservation,
        }

    def _follow_payment(self, envelope: Envelope) -> None:
        payment = read_payment(envelope)
        given = _payment_input(payment)
        if given is None:
            return
        if payment.expires_at is None:
            raise PermanentFault("payment.created without expires_at")
        given["expires_at"] = to_the_second(payment.expires_at)
        start_once(self.machines, self.payment_flow_arn, payment.payment_id, given)

    def _hear_success(self, envelope: Envelope) -> None:
        payment = read_payment(envelope)
        given = _payment_input(payment)
        if given is None:
            return
        delivery = self._answer_payment(payment, "SUCCEEDED")
        if delivery not in _HEARD:
            # Not stored yet, over already, or thought to have failed: what is paid is never left lying.
            given["status"] = "SUCCEEDED"
            start_once(self.machines, self.payment_flow_arn, f"{payment.payment_id}-late", given)

    def _hear_end(self, envelope: Envelope, status: str) -> None:
        payment = read_payment(envelope)
        if reservation_of(payment) is not None:
            self._answer_payment(payment, status)

    def _answer_payment(self, payment: PaymentData, status: str) -> Delivery:
        delivery = self.tokens.succeed(f"payment:{payment.payment_id}", status, {"status": status})
        log("payment_signalled", payment_id=payment.payment_id, status=status, delivery=delivery.value)
        return delivery

    def _cancel_reservation(self, envelope: Envelope) -> None:
        cancelled = read_cancelled(envelope)
        paid = cancelled.paid_payment_id or ""
        outcome = {"outcome": "CANCELLED", "payment_id": paid, "amount_minor": 0}
        delivery = self.tokens.succeed(f"reservation:{cancelled.reservation_id}", "cancelled", outcome)
        log("cancellation_signalled", reservation_id=cancelled.reservation_id, delivery=delivery.value)
        if delivery not in _HEARD:
            start_once(
                self.machines,
                self.reservation_flow_arn,
                f"{cancelled.reservation_id}-cancelled",
                {"reservation_id": cancelled.reservation_id, "customer_id": cancelled.customer_id, **outcome},
            )

    def _settle_reservation(self, envelope: Envelope) -> None:
        """Nothing is left to pay: as good as paid, without a payment."""
        settled = read_settled(envelope)
        outcome = {"outcome": "PAID", "payment_id": "", "amount_minor": 0}
        delivery = self.tokens.succeed(f"reservation:{settled.reservation_id}", "settled", outcome)
        log("reservation_settled", reservation_id=settled.reservation_id, delivery=delivery.value)
        if delivery not in _HEARD:
            start_once(
                self.machines,
                self.reservation_flow_arn,
                f"{settled.reservation_id}-settled",
                {"reservation_id": settled.reservation_id, "customer_id": settled.customer_id, **outcome},
            )

    def _reach_deadline(self, body: str, received: int) -> None:
        deadline = read_deadline(body)
        remaining = (datetime.fromisoformat(to_the_second(deadline.due_at)) - datetime.now(UTC)).total_seconds()
        if remaining > 0:
            self._send_on(body, remaining)
            return
        delivery = self.tokens.reach_deadline(deadline.token_id)
        log("deadline_reached", token_id=deadline.token_id, delivery=delivery.value)
        if delivery is Delivery.ABSENT and received < _RECEIVES_BEFORE_GIVEN_UP:
            raise TransientFault(f"{deadline.token_id} is not waiting yet")
        if delivery in (Delivery.ABSENT, Delivery.LOST):
            self._start_at_deadline(deadline)

    def _send_on(self, body: str, remaining_seconds: float) -> None:
        self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=body,
            DelaySeconds=min(_LONGEST_DELAY_SECONDS, int(remaining_seconds) + 1),
        )

    def _start_at_deadline(self, deadline: Deadline) -> None:
        """The execution that waited is gone: another one takes over where its wait would have ended."""
        subject = deadline.token_id.partition(":")[2]
        if deadline.flow == "payment":
            given = {**deadline.input, "status": "DEADLINE"}
            start_once(self.machines, self.payment_flow_arn, f"{subject}-expired", given)
        elif deadline.flow == "reservation":
            given = {**deadline.input, "outcome": "DEADLINE"}
            start_once(self.machines, self.reservation_flow_arn, f"{subject}-expired", given)
        else:
            raise PermanentFault(f"there is no flow {deadline.flow!r}")


def _payment_input(payment: PaymentData) -> dict[str, Any] | None:
    reservation_id = reservation_of(payment)
    if reservation_id is None:
        return None
    return {
        "payment_id": payment.payment_id,
        "reservation_id": reservation_id,
        "customer_id": payment.payer_id,
        "amount_minor": payment.amount.amount_minor,
    }


def handle_batch(flows: FlowSignals, event: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """The partial batch response, and the records that failed. Records do not depend on each other."""
    failed: list[Mapping[str, Any]] = []
    for record in event["Records"]:
        try:
            if seconds_left() < _SECONDS_FOR_A_RECORD:
                raise TransientFault("the invocation is at its end")
            _handle(flows, record)
        except WorkerFault as exc:
            log("signal_not_handled", level="warning", message_id=record["messageId"], reason=str(exc))
            failed.append(record)
        except Exception as exc:  # a mistake of ours with one record is no reason to hold up nine others
            frames = traceback.format_tb(exc.__traceback__)[-_FRAMES_LOGGED:]
            log("signal_broke", level="error", message_id=record["messageId"], error=type(exc).__name__, frames=frames)
            failed.append(record)
    log("signals_handled", messages=len(event["Records"]), failed=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}, failed


def _handle(flows: FlowSignals, record: Mapping[str, Any]) -> None:
    try:
        flows.signal(record)
    except PermanentFault as exc:
        move_to_dead_letters(flows.sqs, flows.dead_letters_url, record, exc)
