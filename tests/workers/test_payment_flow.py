"""The payment flow, each way through it, as the deployed state machine runs it with the real steps."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.workers.buyers import CONFIRMED, NO_CONCESSIONS, Buyer, in_seconds, told
from tests.workers.deployed import Deployed
from tests.workers.subgraphs import Subgraphs


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


@pytest.fixture
def followed(deployed: Deployed, buyer: Buyer) -> Callable[..., str]:
    """`followed(seconds)` → the execution that watches a payment whose charge ends then, once it waits."""

    def begin(seconds: float = 600) -> str:
        deployed.signal("payment.created", buyer.payment_event(seconds=seconds))
        return deployed.named("payment", buyer.payment_id)

    return begin


def known(buyer: Buyer, status: str) -> dict[str, Any]:
    """What payments says of this buyer's payment after asking the gateway; one of somebody else's beside it."""
    return {
        "payments": [
            {"paymentId": "another", "status": "SUCCEEDED", "amountMinor": 1},
            {"paymentId": buyer.payment_id, "status": status, "amountMinor": 27_500},
        ]
    }


def handed_over(deployed: Deployed, buyer: Buyer) -> bool:
    return f"{buyer.reservation_id}-late-{buyer.payment_id}" in deployed.executions("reservation")


def test_the_gateway_has_the_last_word_at_the_deadline(
    deployed: Deployed,
    subgraphs: Subgraphs,
    directed: Callable[..., None],
    buyer: Buyer,
    followed: Callable[..., str],
) -> None:
    """No webhook came. Asked when the charge ends, the gateway says it is paid: the waiting reservation hears it."""
    directed(
        reconcilePayments=known(buyer, "SUCCEEDED"),
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
        refundPayment={"refundId": "r", "status": "SUBMITTED", "errors": []},
    )
    reservation = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    payment = followed(2)

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert deployed.states_entered(payment)[-4:] == ["AskGateway", "IsDecided", "HandOver", "Done"]
    assert deployed.ended(reservation)["status"] == "SUCCEEDED"
    assert told(deployed, "order.confirmed", buyer)["data"]["customer_id"] == buyer.customer_id
    assert not handed_over(deployed, buyer)
    assert {"paymentId": buyer.payment_id, "reference": None} in subgraphs.asked("reconcilePayments")


@pytest.mark.parametrize("before", ["CREATED", "REQUIRES_ACTION"])
def test_a_charge_that_nobody_paid_is_closed_at_its_end(
    deployed: Deployed,
    subgraphs: Subgraphs,
    directed: Callable[..., None],
    buyer: Buyer,
    followed: Callable[..., str],
    before: str,
) -> None:
    """Closed at the gateway too, so that it cannot be paid afterwards; the reservation hears nothing."""
    directed(reconcilePayments=known(buyer, before), expirePayment={"status": "EXPIRED"})
    payment = followed(1)

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert len(subgraphs.asked("expirePayment", paymentId=buyer.payment_id)) == 1
    assert "HandOver" not in deployed.states_entered(payment)
    assert not handed_over(deployed, buyer)


def test_paid_while_it_was_being_closed_counts(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer, followed: Callable[..., str]
) -> None:
    """Between the question and the closing the customer paid: handed over, here to a flow of its own."""
    directed(
        reconcilePayments=known(buyer, "REQUIRES_ACTION"),
        expirePayment={"status": "SUCCEEDED"},
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
        refundPayment={"refundId": "r", "status": "SUBMITTED", "errors": []},
    )
    payment = followed(1)

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert handed_over(deployed, buyer)


@pytest.mark.parametrize("status", ["FAILED", "EXPIRED", "CANCELLED", "REFUNDED"])
def test_what_is_over_at_the_deadline_needs_nothing_more(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, status: str
) -> None:
    """Started in the middle, as after a lost execution."""
    directed(reconcilePayments=known(buyer, status))
    payment = deployed.start("payment", {**_given(buyer), "status": "DEADLINE"})

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert deployed.states_entered(payment) == ["Begin", "Route", "AskGateway", "IsDecided", "Done"]
    assert subgraphs.asked("expirePayment", paymentId=buyer.payment_id) == []


def test_a_card_company_may_take_its_time(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """PROCESSING is neither paid nor failed: never closed, asked again later, and paid in the end."""
    answers = iter([known(buyer, "PROCESSING"), known(buyer, "SUCCEEDED")])
    directed(
        reconcilePayments=lambda given: next(answers),
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
        refundPayment={"refundId": "r", "status": "SUBMITTED", "errors": []},
    )
    payment = deployed.start("payment", {**_given(buyer), "status": "DEADLINE"})

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert deployed.states_entered(payment)[2:] == [
        *("AskGateway", "IsDecided", "WaitForGateway"),
        *("AskGateway", "IsDecided", "HandOver", "Done"),
    ]
    assert subgraphs.asked("expirePayment", paymentId=buyer.payment_id) == []
    assert handed_over(deployed, buyer)


@pytest.mark.parametrize("end", ["failed", "expired", "cancelled"])
def test_a_payment_that_ends_unpaid_leaves_the_reservation_waiting(
    deployed: Deployed,
    subgraphs: Subgraphs,
    buyer: Buyer,
    followed: Callable[..., str],
    end: str,
) -> None:
    """The buyer may try another card. The signal comes twice, and the gateway need not be asked."""
    payment = followed()
    deployed.waiting_token(f"payment:{buyer.payment_id}")
    for _ in range(2):
        deployed.signal(f"payment.{end}", buyer.payment_event())

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert deployed.states_entered(payment)[-3:] == ["AwaitSettlement", "Route", "Done"]
    assert subgraphs.asked("reconcilePayments", paymentId=buyer.payment_id) == []
    assert not handed_over(deployed, buyer)


def test_a_success_after_a_failure_counts(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer, followed: Callable[..., str]
) -> None:
    """The gateway's late truth: what is paid is never left lying, and handed over once however often it is said."""
    directed(
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
        refundPayment={"refundId": "r", "status": "SUBMITTED", "errors": []},
    )
    payment = followed()
    deployed.waiting_token(f"payment:{buyer.payment_id}")
    deployed.signal("payment.failed", buyer.payment_event())
    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    for _ in range(2):
        deployed.signal("payment.succeeded", buyer.payment_event())

    late = deployed.named("payment", f"{buyer.payment_id}-late")
    assert deployed.ended(late)["status"] == "SUCCEEDED"
    deployed.ended(deployed.named("reservation", f"{buyer.reservation_id}-late-{buyer.payment_id}"))
    mine = [name for name in deployed.executions("payment") if buyer.payment_id in name]
    assert sorted(mine) == [buyer.payment_id, f"{buyer.payment_id}-late"]
    assert len([name for name in deployed.executions("reservation") if buyer.reservation_id in name]) == 1


def test_a_payment_that_payments_does_not_know_is_left_to_people(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer
) -> None:
    directed(reconcilePayments={"payments": []})
    given = {**_given(buyer), "status": "DEADLINE"}
    payment = deployed.start("payment", given)

    assert deployed.ended(payment)["error"] == "PermanentFault"
    assert deployed.take("payment-flow-dlq", lambda body: body["input"] == given)["state"] == "AskGateway"


def test_payments_of_other_systems_are_none_of_our_business(deployed: Deployed, buyer: Buyer) -> None:
    """Payments serves others too: their references start no flow, and are no dead letters."""
    foreign = Buyer()
    deployed.signal("payment.created", {**foreign.payment_event(), "reference": "invoice:4711"})
    deployed.signal("payment.succeeded", {**foreign.payment_event(), "reference": "invoice:4711"})
    deployed.signal("payment.created", buyer.payment_event())

    deployed.named("payment", buyer.payment_id)
    assert not [name for name in deployed.executions("payment") if foreign.payment_id in name]


def test_a_deadline_may_be_hours_away(deployed: Deployed, buyer: Buyer) -> None:
    """SQS delays no message for more than 15 minutes: the first of several is sent, and the flow waits."""
    payment = deployed.start("payment", {**_given(buyer), "expires_at": in_seconds(7_200)}, name=buyer.payment_id)

    deployed.waiting_token(f"payment:{buyer.payment_id}")
    attributes = deployed.aws("sqs").get_queue_attributes(
        QueueUrl=deployed.outputs["FlowSignalsQueueUrl"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert int(attributes["ApproximateNumberOfMessagesDelayed"]) >= 1
    assert deployed.aws("stepfunctions").describe_execution(executionArn=payment)["status"] == "RUNNING"
    deployed.aws("stepfunctions").stop_execution(executionArn=payment)


def _given(buyer: Buyer) -> dict[str, Any]:
    return {
        "payment_id": buyer.payment_id,
        "reservation_id": buyer.reservation_id,
        "customer_id": buyer.customer_id,
        "amount_minor": 27_500,
    }
