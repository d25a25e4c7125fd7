"""Signals: repeats change nothing, deadlines are sent on until they are due, and what cannot be read is reported."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.stacks.events import LISTENERS
from tests.workers.buyers import NO_ORDER, NOTHING_PAID, NOTHING_SETTLED, REFUNDED, Buyer, in_seconds
from tests.workers.deployed import Deployed
from tests.workers.subgraphs import Subgraphs
from workers.flow_signals.events import CancelledReservation, PaymentData, read_envelope, read_payment
from workers.flow_signals.signal_flows import FlowSignals, handle_batch
from workers.runtime.task_tokens import TaskTokens
from workers.runtime.time_left import within

_SUBGRAPHS = Path(__file__).parents[2] / "subgraphs"


class Listening:
    """The consumer beside a queue of this test, and what it sends on to it: `(body, delay in seconds)`."""

    def __init__(self, deployed: Deployed, sqs: Any, queue_url: str) -> None:
        self.deployed = deployed
        self.sent_on: list[tuple[Any, int]] = []
        sqs.meta.events.register("provide-client-params.sqs.SendMessage", self._note)
        self.flows = FlowSignals(
            tokens=TaskTokens(
                deployed.outputs["TaskTokensTable"], deployed.aws("dynamodb"), deployed.aws("stepfunctions")
            ),
            machines=deployed.aws("stepfunctions"),
            sqs=sqs,
            reservation_flow_arn=deployed.outputs["ReservationFlowArn"],
            payment_flow_arn=deployed.outputs["PaymentFlowArn"],
            queue_url=queue_url,
            dead_letters_url=deployed.queue_url("flow-signals-dlq"),
        )

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        if "DelaySeconds" in params:
            self.sent_on.append((json.loads(params["MessageBody"]), params["DelaySeconds"]))

    def hear(self, body: Any, received: int = 1) -> list[str]:
        """Reports which messages of the batch failed: the one with this body, and a harmless one behind it."""
        harmless = {"type": "payment.failed", "data": Buyer().payment_event()}
        batch = [_record("this", body, received), _record("behind", harmless)]
        answer, failed = handle_batch(self.flows, {"Records": batch})
        reported = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        assert reported == [record["messageId"] for record in failed]
        return reported


def _record(message_id: str, body: Any, received: int = 1) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(received)},
    }


@pytest.fixture
def listening(deployed: Deployed) -> Iterator[Listening]:
    sqs = deployed.client("sqs")
    url = sqs.create_queue(QueueName=f"signals-{uuid4()}")["QueueUrl"]
    yield Listening(deployed, sqs, url)
    sqs.delete_queue(QueueUrl=url)
    sqs.close()


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def deadline(buyer: Buyer, seconds: float, flow: str = "reservation") -> dict[str, Any]:
    subject = buyer.reservation_id if flow == "reservation" else buyer.payment_id
    given = {"reservation_id": buyer.reservation_id, "customer_id": buyer.customer_id}
    return {
        "version": 1,
        "type": "deadline.reached",
        "flow": flow,
        "token_id": f"{flow}:{subject}",
        "due_at": in_seconds(seconds),
        "input": given if flow == "reservation" else {**given, "payment_id": buyer.payment_id, "amount_minor": 1},
    }


@pytest.mark.parametrize(("seconds", "delay"), [(4_000, 900), (901, 900), (120, 120), (2, 2)])
def test_a_deadline_that_is_not_due_is_sent_on(listening: Listening, buyer: Buyer, seconds: float, delay: int) -> None:
    """As it is, for 15 minutes at most: that is the longest that SQS delays a message. Never too short at the end."""
    body = deadline(buyer, seconds)

    assert listening.hear(body) == []
    ((sent, delayed),) = listening.sent_on
    assert sent == body
    assert delay - 1 <= delayed <= delay
    assert not _executions(listening.deployed, buyer)


def test_a_deadline_reaches_the_flow_that_waits_once(
    listening: Listening, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Delivered three times: one asking, one expiry, no second execution."""
    directed(
        reconcilePayments={"payments": []},
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder={**NO_ORDER, "totalMinor": 0},
        cancelPayments=NOTHING_SETTLED,
    )
    deployed = listening.deployed
    flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")

    for _ in range(3):
        assert listening.hear(deadline(buyer, -1)) == []

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert _executions(deployed, buyer) == [buyer.reservation_id]
    assert len(subgraphs.asked("expireReservation", reservationId=buyer.reservation_id)) == 1


def test_a_deadline_gives_its_flow_a_moment_to_store_the_token(
    listening: Listening, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Due at once and read before the wait began: reported to come back; after the fifth time nobody will wait."""
    directed(reconcilePayments={"payments": []}, expireReservation={"status": "CONFIRMED"})

    for received in range(1, 5):
        assert listening.hear(deadline(buyer, -1), received) == ["this"]
    assert not _executions(listening.deployed, buyer)
    assert listening.hear(deadline(buyer, -1), 5) == []
    assert _executions(listening.deployed, buyer) == [f"{buyer.reservation_id}-expired"]


def test_a_lost_payment_flow_is_taken_over_at_its_deadline(
    listening: Listening, directed: Callable[..., None], buyer: Buyer
) -> None:
    directed(reconcilePayments={"payments": [{"paymentId": buyer.payment_id, "status": "EXPIRED", "amountMinor": 1}]})
    for _ in range(2):
        assert listening.hear(deadline(buyer, -1, "payment"), received=5) == []

    over = listening.deployed.named("payment", f"{buyer.payment_id}-expired")
    assert listening.deployed.ended(over)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("paid", [None, "by this payment"])
def test_a_cancellation_that_is_told_twice_is_carried_out_once(
    listening: Listening, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, paid: str | None
) -> None:
    """While it waits for payment, and after it was confirmed (nobody waits any more)."""
    directed(
        refundPayment=REFUNDED,
        cancelConcessionOrder={"status": "CANCELLED", "totalMinor": 0},
        cancelPayments=NOTHING_SETTLED,
        reconcilePayments=NOTHING_PAID,
    )
    deployed = listening.deployed
    name = f"{buyer.reservation_id}-cancelled" if paid else buyer.reservation_id
    if not paid:
        deployed.start("reservation", buyer.held(600), name=name)
        deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    body = {
        "type": "reservation.cancelled",
        "data": {
            "reservation_id": buyer.reservation_id,
            "customer_id": buyer.customer_id,
            **({"paid_payment_id": buyer.payment_id} if paid else {}),
        },
    }

    for _ in range(3):
        assert listening.hear(body) == []

    assert deployed.ended(deployed.named("reservation", name))["status"] == "SUCCEEDED"
    assert _executions(deployed, buyer) == [name]
    assert len(subgraphs.asked("refundPayment", paymentId=buyer.payment_id)) == (1 if paid else 0)


def test_a_payment_that_is_created_twice_is_followed_once(listening: Listening, buyer: Buyer) -> None:
    body = {"type": "payment.created", "data": buyer.payment_event()}

    for _ in range(3):
        assert listening.hear(body) == []

    mine = [name for name in listening.deployed.executions("payment") if buyer.payment_id in name]
    assert mine == [buyer.payment_id]


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        {"data": {}},
        {"type": "order.confirmed", "data": {}},
        {"type": "payment.succeeded", "data": {"payment_id": 7}},
        {"type": "payment.created", "data": {**Buyer().payment_event(), "expires_at": None}},
        {"type": "payment.created", "data": {**Buyer().payment_event(), "expires_at": "tomorrow"}},
        {"type": "reservation.cancelled", "data": {}},
        {"type": "deadline.reached", "flow": "reservation"},
        {**deadline(Buyer(), -1), "flow": "training", "token_id": "training:1"},
    ],
)
def test_what_cannot_be_handled_is_left_to_people_at_once(listening: Listening, body: Any) -> None:
    """It is not read two hundred times; the message behind it is handled."""
    assert listening.hear(body, received=5) == []
    left = [] if body == "[]" else body
    assert listening.deployed.take("flow-signals-dlq", lambda found: found == left) == left


def test_a_mistake_of_ours_with_one_message_holds_up_no_other(
    listening: Listening, buyer: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported alone, to come back when the mistake is mended; the message behind it is handled."""
    monkeypatch.setattr(FlowSignals, "_follow_payment", lambda self, envelope: 1 / 0)
    assert listening.hear({"type": "payment.created", "data": buyer.payment_event()}) == ["this"]


def test_what_no_time_is_left_for_is_not_begun(listening: Listening, buyer: Buyer) -> None:
    """A record that would be cut off in the middle comes back in seconds, and not when its visibility timeout ends."""

    class AtItsEnd:
        def get_remaining_time_in_millis(self) -> int:
            return 1_000

    with within(AtItsEnd()):
        assert listening.hear({"type": "payment.created", "data": buyer.payment_event()}) == ["this", "behind"]
    assert buyer.payment_id not in listening.deployed.executions("payment")


@pytest.mark.parametrize("kind", [kind for kind in LISTENERS["flow_signals"] if kind.startswith("payment.")])
def test_payments_tells_what_is_read_here(kind: str) -> None:
    """Every field that is read without a default is one that payments' published schema requires."""
    schema = json.loads((_SUBGRAPHS / "payments" / "events.schema.json").read_text(encoding="utf-8"))
    told = schema["$defs"][schema["properties"][kind]["$ref"].rpartition("/")[2]]
    assert {"payment_id", "reference", "payer_id", "amount", "expires_at"} <= set(told["required"])
    money = schema["$defs"][told["properties"]["amount"]["$ref"].rpartition("/")[2]]
    assert "amount_minor" in money["required"]
    assert set(PaymentData.__struct_fields__) <= told["properties"].keys()
    assert set(CancelledReservation.__struct_fields__) == {"reservation_id", "customer_id", "paid_payment_id"}


def test_a_payment_is_read_as_it_is_told(buyer: Buyer) -> None:
    payment = read_payment(read_envelope(json.dumps({"type": "payment.created", "data": buyer.payment_event(4_200)})))
    assert (payment.payment_id, payment.payer_id, payment.amount.amount_minor) == (
        buyer.payment_id,
        buyer.customer_id,
        4_200,
    )


def _executions(deployed: Deployed, buyer: Buyer) -> list[str]:
    return [name for name in deployed.executions("reservation") if buyer.reservation_id in name]
