"""The reservation flow, each way through it, as the deployed state machine runs it with the real steps."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.workers.buyers import (
    CONFIRMED,
    NO_CONCESSIONS,
    NO_ORDER,
    NOTHING_PAID,
    NOTHING_SETTLED,
    ORDER,
    PAID_CONCESSIONS,
    REFUNDED,
    Buyer,
    in_seconds,
    refusal,
    told,
)
from tests.workers.deployed import Deployed, eventually
from tests.workers.subgraphs import Down, Refused, Subgraphs


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def test_a_paid_reservation_is_confirmed_with_its_concessions(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Held, paid by the payment's own flow, confirmed; the buyer is told of tickets, pick-up code and total."""
    directed(confirmReservation=CONFIRMED, confirmConcessionOrder=PAID_CONCESSIONS)
    flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    deployed.signal("payment.created", buyer.payment_event())
    payment = deployed.named("payment", buyer.payment_id)
    deployed.waiting_token(f"payment:{buyer.payment_id}")
    deployed.signal("payment.succeeded", buyer.payment_event())

    assert deployed.ended(payment)["status"] == "SUCCEEDED"
    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    event = told(deployed, "order.confirmed", buyer)
    assert event["id"] == f"order.confirmed:{buyer.reservation_id}"
    assert event["data"]["tickets"] == [
        {"id": ORDER["tickets"][0]["id"], "code": "K7Q2", "qr_payload": "v1.abc"}  # type: ignore[index]
    ]
    assert event["data"]["event_id"] == ORDER["eventId"]
    assert event["data"]["session_id"] == ORDER["sessionId"]
    assert event["data"]["pickup_code"] == "P-4711"
    assert event["data"]["concession_items"] == [{"name": "Combo pipoca", "quantity": 1}]
    assert event["data"]["total"] == {"amount_minor": 27_500, "currency": "BRL"}
    (concessions,) = subgraphs.asked("confirmConcessionOrder", reservationId=buyer.reservation_id)
    assert concessions["paidMinor"] == 3_500


def test_a_hold_that_nobody_pays_expires_and_everything_is_given_back(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """At the end of the hold the gateway is asked first; then units, concessions and charges are given back."""
    directed(
        reconcilePayments=NOTHING_PAID,
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder={"status": "EXPIRED"},
        cancelPayments=NOTHING_SETTLED,
    )
    flow = deployed.start("reservation", buyer.held(2), name=buyer.reservation_id)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    mine = {buyer.reservation_id, f"reservation:{buyer.reservation_id}"}
    asked = [field for field, given in subgraphs.asked() if mine & set(map(str, given.values()))]
    assert asked == [
        *("reconcilePayments", "expireReservation", "expireConcessionOrder"),
        *("cancelPayments", "reconcilePayments"),
    ]
    assert told(deployed, "order.expired", buyer)["data"]["customer_id"] == buyer.customer_id


def test_paid_at_the_last_moment_counts(deployed: Deployed, directed: Callable[..., None], buyer: Buyer) -> None:
    """No word of the payment came, but the gateway has it when it is asked at the end of the hold."""
    settled = {"paymentId": buyer.payment_id, "status": "SUCCEEDED", "amountMinor": 24_000}
    directed(
        reconcilePayments={"payments": [{"paymentId": "x", "status": "EXPIRED", "amountMinor": 1}, settled]},
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    flow = deployed.start("reservation", buyer.held(1), name=buyer.reservation_id)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert "Expire" not in deployed.states_entered(flow)
    assert told(deployed, "order.confirmed", buyer)["data"]["pickup_code"] is None


def test_paid_while_charges_are_being_cancelled_counts_too(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Cancelling the charge finds it paid: the same units are tried again rather than the money kept."""
    settled = {"paymentId": buyer.payment_id, "status": "SUCCEEDED", "amountMinor": 24_000}
    answers = iter([NOTHING_PAID, {"payments": [settled]}])
    directed(
        reconcilePayments=lambda given: next(answers),
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments={"settledPaymentId": buyer.payment_id},
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    flow = deployed.start("reservation", buyer.held(1), name=buyer.reservation_id)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert told(deployed, "order.confirmed", buyer)["data"]["reservation_id"] == buyer.reservation_id


@pytest.mark.parametrize("status", ["UNITS_TAKEN", "AMOUNT_MISMATCH", "NOT_FOUND"])
def test_a_late_payment_for_units_that_are_gone_is_refunded(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, status: str
) -> None:
    """Money is never orphaned: what cannot be confirmed goes back in full, and the buyer is told so."""
    directed(
        confirmReservation={"status": status, "order": None},
        refundPayment=REFUNDED,
        expireConcessionOrder=NO_ORDER,
    )
    flow = deployed.start("reservation", buyer.paid())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    (refund,) = subgraphs.asked("refundPayment", paymentId=buyer.payment_id)
    assert refund["amountMinor"] is None
    assert told(deployed, "order.refunded", buyer)["data"]["amount"] == {"amount_minor": 27_500, "currency": "BRL"}


def test_a_reservation_that_is_paid_twice_keeps_one_payment(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Two charges, both paid: the first buys the tickets, all of the second goes back, and nothing else is touched."""
    first, second = buyer.payment_id, str(uuid4())
    directed(
        confirmReservation=lambda given: (
            CONFIRMED if given["paymentId"] == first else {"status": "DUPLICATE_PAYMENT", "order": None}
        ),
        confirmConcessionOrder=PAID_CONCESSIONS,
        refundPayment=REFUNDED,
    )
    flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    deployed.signal("payment.succeeded", buyer.payment_event())
    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    deployed.signal("payment.succeeded", {**buyer.payment_event(), "payment_id": second})
    late = deployed.named("reservation", f"{buyer.reservation_id}-late-{second}")

    assert deployed.ended(late)["status"] == "SUCCEEDED"
    assert deployed.states_entered(late)[-4:] == ["RefundRefused", "IsOrderKept", "NotifyRefunded", "Done"]
    assert subgraphs.asked("refundPayment", paymentId=first) == []
    (refund,) = subgraphs.asked("refundPayment", paymentId=second)
    assert refund["amountMinor"] is None
    assert subgraphs.asked("expireConcessionOrder", reservationId=buyer.reservation_id) == []
    assert told(deployed, "order.confirmed", buyer)["data"]["total"]["amount_minor"] == 27_500
    assert told(deployed, "order.refunded", buyer)["data"] | {"amount": None} == {
        "reservation_id": buyer.reservation_id,
        "customer_id": buyer.customer_id,
        "payment_id": second,
        "amount": None,
        "reason": "PAID_TWICE",
    }


def test_a_payment_of_which_nothing_is_left_needs_no_refund(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Another execution, or a person, has given the money back before: as good as having done it here."""
    directed(
        confirmReservation={"status": "CANCELLED", "order": None},
        refundPayment={"refundId": None, "status": None, "errors": [refusal("INVALID_STATE")]},
        expireConcessionOrder=NO_ORDER,
    )

    assert deployed.ended(deployed.start("reservation", buyer.paid()))["status"] == "SUCCEEDED"


def test_a_refund_that_payments_refuses_is_never_announced(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Nobody is told of money that did not move: a person has to look."""
    directed(
        confirmReservation={"status": "UNITS_TAKEN", "order": None},
        refundPayment={"refundId": None, "status": None, "errors": [refusal("NOT_FOUND")]},
    )
    given = buyer.paid()
    flow = deployed.start("reservation", given)

    assert deployed.ended(flow)["error"] == "PermanentFault"
    assert deployed.take("reservation-flow-dlq", lambda body: body["input"] == given)["state"] == "RefundRefused"
    assert "NotifyRefunded" not in deployed.states_entered(flow)


def test_money_that_no_payment_accounts_for_is_left_to_people(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Payments says that something is settled and yet names nothing paid: asked once more, not for ever."""
    directed(
        reconcilePayments={
            "payments": [{"paymentId": buyer.payment_id, "status": "CHARGED_BACK", "amountMinor": 24_000}]
        },
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments={"settledPaymentId": buyer.payment_id},
    )
    given = {**buyer.held(0), "outcome": "DEADLINE"}
    flow = deployed.start("reservation", given)

    assert deployed.ended(flow)["error"] == "UnplaceableMoney"
    assert deployed.take("reservation-flow-dlq", lambda body: body["input"] == given)["state"] == "WhatBecameOfTheMoney"
    assert len(subgraphs.asked("reconcilePayments", reference=f"reservation:{buyer.reservation_id}")) == 2


def test_an_order_that_costs_more_than_was_paid_is_cancelled(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The tickets stay sold; the order keeps no stock from others, and what was paid towards it goes back."""
    directed(
        confirmReservation=CONFIRMED,
        confirmConcessionOrder={"status": "AMOUNT_MISMATCH", "pickupCode": None, "totalMinor": 9_000, "items": []},
        cancelConcessionOrder={"status": "CANCELLED", "totalMinor": 9_000},
        refundPayment=REFUNDED,
    )
    flow = deployed.start("reservation", buyer.paid())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert subgraphs.asked("cancelConcessionOrder", reservationId=buyer.reservation_id)
    (refund,) = subgraphs.asked("refundPayment", paymentId=buyer.payment_id)
    assert refund["amountMinor"] == 3_500


def test_what_was_paid_beyond_the_order_goes_back(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """27,500 paid for tickets of 24,000 and popcorn that costs 3,000 by now."""
    directed(
        confirmReservation=CONFIRMED,
        confirmConcessionOrder={**PAID_CONCESSIONS, "totalMinor": 3_000},
        refundPayment=REFUNDED,
    )
    flow = deployed.start("reservation", buyer.paid())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    (refund,) = subgraphs.asked("refundPayment", paymentId=buyer.payment_id)
    assert refund["amountMinor"] == 500
    assert told(deployed, "order.confirmed", buyer)["data"]["total"]["amount_minor"] == 27_000


def test_concessions_that_ran_out_are_refunded_alone(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The tickets stay sold; the part of the payment that was for popcorn goes back."""
    directed(
        confirmReservation=CONFIRMED,
        confirmConcessionOrder={"status": "EXPIRED", "pickupCode": None, "totalMinor": 3_500, "items": []},
        refundPayment=REFUNDED,
    )
    flow = deployed.start("reservation", buyer.paid())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    (refund,) = subgraphs.asked("refundPayment", paymentId=buyer.payment_id)
    assert refund["amountMinor"] == 3_500
    event = told(deployed, "order.confirmed", buyer)
    assert event["data"]["pickup_code"] is None
    assert event["data"]["total"]["amount_minor"] == 24_000


@pytest.mark.parametrize("paid", [False, True])
def test_a_cancelled_reservation_gives_back_what_was_paid(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, paid: bool
) -> None:
    """Cancelled while it waits for payment; and cancelled after it was confirmed, when nobody waits any more."""
    directed(
        refundPayment=REFUNDED,
        cancelConcessionOrder={"status": "CANCELLED"},
        cancelPayments=NOTHING_SETTLED,
        reconcilePayments=NOTHING_PAID,
    )
    data = {"reservation_id": buyer.reservation_id, "customer_id": buyer.customer_id}
    if paid:
        deployed.signal("reservation.cancelled", {**data, "paid_payment_id": buyer.payment_id})
        flow = deployed.named("reservation", f"{buyer.reservation_id}-cancelled")
    else:
        flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
        deployed.waiting_token(f"reservation:{buyer.reservation_id}")
        deployed.signal("reservation.cancelled", data)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert len(subgraphs.asked("refundPayment", paymentId=buyer.payment_id)) == int(paid)
    event = told(deployed, "order.cancelled", buyer)
    assert event["data"]["refunded"] is paid
    assert event["data"]["amount"] == ({"amount_minor": 27_500, "currency": "BRL"} if paid else None)


def test_a_service_that_is_down_for_a_while_is_asked_again(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Ticketing fails five times: three within the step, twice more after the machine's back-off."""
    failures = iter(range(5))

    def confirm(given: Any) -> Any:
        if next(failures, None) is not None:
            raise Down
        return CONFIRMED

    directed(
        confirmReservation=confirm,
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    flow = deployed.start("reservation", buyer.paid())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert len(subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id)) == 6


def test_a_fault_that_no_retry_can_pass_is_left_in_the_dead_letters(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """At once, with the input to begin again from, the state and the execution named; the execution has failed."""

    def refuse(given: Any) -> Any:
        raise Refused("INVALID_INPUT")

    directed(confirmReservation=refuse)
    given = buyer.paid()
    flow = deployed.start("reservation", given)

    ended = deployed.ended(flow)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "PermanentFault"
    left = deployed.take("reservation-flow-dlq", lambda body: body["input"] == given)
    assert left["execution"] == flow
    assert left["state"] == "Confirm"
    assert left["error"]["Error"] == "PermanentFault"
    assert "refused" in json.loads(left["error"]["Cause"])["errorMessage"]
    assert len(subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id)) == 1


def test_tickets_are_sent_although_concessions_fail(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The buyer gets the tickets now; operations get a dead letter to repeat the rest from."""

    def refuse(given: Any) -> Any:
        raise Refused("INVALID_STATE")

    directed(confirmReservation=CONFIRMED, confirmConcessionOrder=refuse)
    given = buyer.paid()
    flow = deployed.start("reservation", given)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert deployed.take("reservation-flow-dlq", lambda body: body["input"] == given)["state"] == "ConfirmConcessions"
    assert told(deployed, "order.confirmed", buyer)["data"]["pickup_code"] is None


def test_repeated_signals_change_nothing(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """SNS and SQS deliver at least once: the second payment.succeeded confirms nothing again."""
    directed(
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    for _ in range(2):
        deployed.signal("payment.created", buyer.payment_event())
    deployed.waiting_token(f"payment:{buyer.payment_id}")
    for _ in range(3):
        deployed.signal("payment.succeeded", buyer.payment_event())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    deployed.signal("payment.succeeded", buyer.payment_event())
    # A signal about another reservation behind the repeats: when its flow has begun, they have been read.
    other = Buyer()
    deployed.signal("payment.created", other.payment_event())
    deployed.named("payment", other.payment_id)
    assert [name for name in deployed.executions("payment") if buyer.payment_id in name] == [buyer.payment_id]
    assert [name for name in deployed.executions("reservation") if buyer.reservation_id in name] == [
        buyer.reservation_id
    ]
    assert len(subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id)) == 1


def test_a_payment_that_nobody_awaits_gets_a_flow_of_its_own(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The webhook came after the hold's end: the payment's flow starts in the middle, and so does the reservation's."""
    directed(
        confirmReservation={"status": "UNITS_TAKEN", "order": None},
        refundPayment=REFUNDED,
        expireConcessionOrder=NO_ORDER,
    )
    deployed.signal("payment.succeeded", buyer.payment_event())

    late = deployed.named("reservation", f"{buyer.reservation_id}-late-{buyer.payment_id}")
    assert deployed.ended(late)["status"] == "SUCCEEDED"
    assert f"{buyer.payment_id}-late" in deployed.executions("payment")
    assert told(deployed, "order.refunded", buyer)["data"]["amount"]["amount_minor"] == 27_500


def test_the_deadline_finds_the_execution_lost_and_starts_another(
    deployed: Deployed, directed: Callable[..., None], buyer: Buyer
) -> None:
    """An execution stopped by hand, or lost with its machine: its hold is nevertheless given back in time."""
    directed(
        reconcilePayments=NOTHING_PAID,
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments=NOTHING_SETTLED,
    )
    token_id = f"reservation:{buyer.reservation_id}"
    deployed.aws("dynamodb").put_item(
        TableName=deployed.outputs["TaskTokensTable"],
        Item={"id": {"S": token_id}, "token": {"S": "of-an-execution-that-is-gone"}},
    )
    deployed.aws("sqs").send_message(
        QueueUrl=deployed.outputs["FlowSignalsQueueUrl"],
        MessageBody=json.dumps(
            {
                "version": 1,
                "type": "deadline.reached",
                "flow": "reservation",
                "token_id": token_id,
                "due_at": in_seconds(-1),
                "input": {"reservation_id": buyer.reservation_id, "customer_id": buyer.customer_id},
            }
        ),
    )

    flow = deployed.named("reservation", f"{buyer.reservation_id}-expired")
    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert told(deployed, "order.expired", buyer)["data"]["reservation_id"] == buyer.reservation_id


def test_an_outcome_nobody_knows_ends_in_the_dead_letters(deployed: Deployed, buyer: Buyer) -> None:
    given = {**buyer.paid(), "outcome": "MAYBE"}
    flow = deployed.start("reservation", given)

    assert deployed.ended(flow)["error"] == "UnknownOutcome"
    assert deployed.take("reservation-flow-dlq", lambda body: body["input"] == given)["state"] == "Route"


def test_every_call_carries_a_token_for_that_service(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, signing_key: Any
) -> None:
    """Signed as caller `workers`, for one audience, living no longer than a minute."""
    import jwt

    directed(
        confirmReservation={"status": "UNITS_TAKEN", "order": None},
        refundPayment=REFUNDED,
        expireConcessionOrder=NO_ORDER,
    )
    deployed.ended(deployed.start("reservation", buyer.paid()))

    calls = eventually(lambda: subgraphs.by_service(), 1, "calls")
    for service in ("ticketing", "payments", "concessions"):
        claims = jwt.decode(calls[service][0].token, signing_key.public_key(), ["EdDSA"], audience=service)
        assert claims["iss"] == "workers"
        assert claims["exp"] - claims["iat"] <= 60


@pytest.mark.parametrize("waiting", [True, False])
def test_what_costs_nothing_is_confirmed_without_a_payment(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer, waiting: bool
) -> None:
    """Also when nobody waits (yet): no money is touched, and the tickets are sent."""
    directed(
        confirmReservation={**CONFIRMED, "order": {**CONFIRMED["order"], "totalMinor": 0}},
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    if waiting:
        flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
        deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    settled = {"reservation_id": buyer.reservation_id, "customer_id": buyer.customer_id}
    for _ in range(2):
        deployed.signal("reservation.settled", settled)
    if not waiting:
        flow = deployed.named("reservation", f"{buyer.reservation_id}-settled")

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    (confirmed,) = subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id)
    assert (confirmed["paymentId"], confirmed["amountMinor"]) == (None, 0)
    assert told(deployed, "order.confirmed", buyer)["data"]["total"]["amount_minor"] == 0
    assert subgraphs.asked("refundPayment") == []


def test_what_costs_nothing_and_came_too_late_is_given_back_and_told(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The hold was over and others have the places: what else was ordered is released, and there is no money."""
    directed(
        confirmReservation={"status": "UNITS_TAKEN", "order": None},
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments=NOTHING_SETTLED,
        reconcilePayments=NOTHING_PAID,
    )
    flow = deployed.start("reservation", {**buyer.paid(0), "payment_id": ""})

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert deployed.states_entered(flow)[-2:] == ["NotifyExpired", "Done"]
    assert len(subgraphs.asked("expireConcessionOrder", reservationId=buyer.reservation_id)) == 1
    assert subgraphs.asked("refundPayment") == []
