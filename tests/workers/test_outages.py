"""A bank or a service that is away for hours: all ends well without a hand, and nothing becomes a dead letter."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.workers.buyers import CONFIRMED, NO_CONCESSIONS, NO_ORDER, NOTHING_PAID, NOTHING_SETTLED, Buyer, known
from tests.workers.deployed import Deployed, Heard, eventually
from tests.workers.subgraphs import Down, Subgraphs

# Requests of one step: three within the function. Thirty invocations are more than twice what used to be the end.
_REQUESTS_IN_VAIN = 90


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def away(answer: Any, requests: int = _REQUESTS_IN_VAIN) -> Callable[[Any], Any]:
    """HTTP 503 for that many requests, then the answer."""
    failing: Iterator[int] = iter(range(requests))

    def reply(given: Any) -> Any:
        if next(failing, None) is not None:
            raise Down
        return answer

    return reply


def nothing_was_left_to_people(deployed: Deployed, buyer: Buyer) -> None:
    for flow in ("reservation-flow", "payment-flow"):
        url = deployed.queue_url(f"{flow}-dlq")
        found = deployed.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        assert not [message for message in found.get("Messages", []) if buyer.reservation_id in message["Body"]]


def test_the_bank_is_away_for_the_whole_of_a_hold_s_end(
    deployed: Deployed,
    subgraphs: Subgraphs,
    hurried: Callable[..., str],
    heard: Heard,
    directed: Callable[..., None],
    buyer: Buyer,
) -> None:
    """Units and concessions are given back without it; what to tell the buyer is known when it is back."""
    directed(
        reconcilePayments=away(NOTHING_PAID, 18),
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder={"status": "EXPIRED"},
        cancelPayments=away(NOTHING_SETTLED),
    )
    flow = hurried("reservation", {**buyer.held(0), "outcome": "DEADLINE"})

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    mine = {buyer.reservation_id, f"reservation:{buyer.reservation_id}"}
    asked = [field for field, given in subgraphs.asked() if mine & set(map(str, given.values()))]
    assert asked == [
        *["reconcilePayments"] * 18,
        *("expireReservation", "expireConcessionOrder"),
        *["cancelPayments"] * (_REQUESTS_IN_VAIN + 1),
        "reconcilePayments",
    ]
    assert [event["type"] for event in heard.about(buyer.reservation_id)] == ["order.expired"]
    nothing_was_left_to_people(deployed, buyer)


def test_paid_before_the_bank_went_away(
    deployed: Deployed,
    hurried: Callable[..., str],
    heard: Heard,
    directed: Callable[..., None],
    buyer: Buyer,
) -> None:
    """Found when the bank is back: the same units are tried again, and the buyer has them."""
    paid = known(buyer.payment_id, "SUCCEEDED")
    directed(
        reconcilePayments=away(paid, 18),
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments=away({"settledPaymentId": buyer.payment_id}),
        confirmReservation=CONFIRMED,
        confirmConcessionOrder=NO_CONCESSIONS,
    )
    flow = hurried("reservation", {**buyer.held(0), "outcome": "DEADLINE"})

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert [event["type"] for event in heard.about(buyer.reservation_id)] == ["order.confirmed"]
    nothing_was_left_to_people(deployed, buyer)


@pytest.mark.parametrize("field", ["confirmReservation", "confirmConcessionOrder"])
def test_a_service_is_away_when_it_is_paid(
    deployed: Deployed,
    hurried: Callable[..., str],
    heard: Heard,
    directed: Callable[..., None],
    buyer: Buyer,
    field: str,
) -> None:
    """Ticketing, or concessions: the order is completed when it is back."""
    answers = {"confirmReservation": CONFIRMED, "confirmConcessionOrder": NO_CONCESSIONS}
    directed(**{**answers, field: away(answers[field])})
    flow = hurried("reservation", buyer.paid(24_000))

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert [event["type"] for event in heard.about(buyer.reservation_id)] == ["order.confirmed"]
    nothing_was_left_to_people(deployed, buyer)


def test_the_bank_is_away_when_a_charge_ends(
    deployed: Deployed,
    subgraphs: Subgraphs,
    hurried: Callable[..., str],
    directed: Callable[..., None],
    buyer: Buyer,
) -> None:
    """The payment's own flow asks until it is answered, then closes the charge."""
    directed(reconcilePayments=away(known(buyer.payment_id, "REQUIRES_ACTION")), expirePayment={"status": "EXPIRED"})
    given = {**buyer.paid(), "status": "DEADLINE"}
    del given["outcome"]
    flow = hurried("payment", given)

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert len(subgraphs.asked("expirePayment", paymentId=buyer.payment_id)) == 1
    nothing_was_left_to_people(deployed, buyer)


def test_a_wait_whose_deadline_message_is_lost_does_not_sleep_past_it(
    deployed: Deployed, hurried: Callable[..., str], heard: Heard, directed: Callable[..., None], buyer: Buyer
) -> None:
    """It wakes by itself, here every second, looks at the clock, and waits on until the hold is over."""
    directed(
        reconcilePayments=NOTHING_PAID,
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelPayments=NOTHING_SETTLED,
    )
    lost = {"Type": "Pass", "Next": "AwaitPayment"}
    flow = hurried("reservation", buyer.held(3), {"SetDeadline": lost, "AwaitPayment": {"TimeoutSeconds": 1}})

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    entered = deployed.states_entered(flow)
    assert entered.count("AwaitPayment") == entered.count("IsHoldOver") >= 2
    assert entered[entered.index("AskPayments") - 1] == "IsHoldOver"
    assert [event["type"] for event in heard.about(buyer.reservation_id)] == ["order.expired"]


def test_a_wait_that_has_begun_anew_hears_its_answer(
    deployed: Deployed, hurried: Callable[..., str], heard: Heard, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Paid after the wait has woken once: the token of the present wait is the one that is answered."""
    directed(confirmReservation=CONFIRMED, confirmConcessionOrder=NO_CONCESSIONS)
    flow = hurried("reservation", buyer.held(600), {"AwaitPayment": {"TimeoutSeconds": 2}})
    first = deployed.waiting_token(f"reservation:{buyer.reservation_id}")["token"]
    eventually(
        lambda: deployed.waiting_token(f"reservation:{buyer.reservation_id}")["token"] != first or None,
        60,
        "a new wait",
    )
    deployed.signal("payment.succeeded", buyer.payment_event())

    assert deployed.ended(flow)["status"] == "SUCCEEDED"
    assert {event["type"] for event in heard.about(buyer.reservation_id)} >= {"order.confirmed"}
