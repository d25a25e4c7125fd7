"""Every way in which a reservation ends is told by one closing event, which says what became of the money."""

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
    PAID_CONCESSIONS,
    REFUNDED,
    Buyer,
    known,
)
from tests.workers.deployed import Deployed, Heard
from tests.workers.subgraphs import Subgraphs

_BRL = {"amount_minor": 27_500, "currency": "BRL"}
_CANCELLED_ORDER = {"status": "CANCELLED"}


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def ended_well(deployed: Deployed, execution: str) -> None:
    ended = deployed.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended


def cancelled(buyer: Buyer) -> dict[str, Any]:
    return {**buyer.paid(), "outcome": "CANCELLED", "payment_id": "", "amount_minor": 0}


@pytest.mark.parametrize(
    ("given", "answers", "kind", "told"),
    [
        pytest.param(
            lambda buyer: buyer.paid(),
            {"confirmReservation": CONFIRMED, "confirmConcessionOrder": PAID_CONCESSIONS},
            "order.confirmed",
            {"total": _BRL, "returned": None, "pickup_code": "P-4711"},
            id="paid",
        ),
        pytest.param(
            lambda buyer: buyer.paid(),
            {
                "confirmReservation": CONFIRMED,
                "confirmConcessionOrder": {**NO_CONCESSIONS, "status": "EXPIRED"},
                "refundPayment": {**REFUNDED, "amountMinor": 3_500},
            },
            "order.confirmed",
            {
                "total": {"amount_minor": 24_000, "currency": "BRL"},
                "returned": {"amount_minor": 3_500, "currency": "BRL"},
            },
            id="paid, concessions out of stock",
        ),
        pytest.param(
            lambda buyer: {**buyer.paid(0), "payment_id": ""},
            {
                "confirmReservation": {**CONFIRMED, "order": {**CONFIRMED["order"], "totalMinor": 0}},  # type: ignore[dict-item]
                "confirmConcessionOrder": NO_CONCESSIONS,
            },
            "order.confirmed",
            {"total": {"amount_minor": 0, "currency": "BRL"}, "returned": None},
            id="free",
        ),
        pytest.param(
            lambda buyer: {**buyer.paid(0), "payment_id": ""},
            {
                "confirmReservation": {"status": "UNITS_TAKEN", "order": None},
                "expireReservation": {"status": "EXPIRED"},
                "expireConcessionOrder": NO_ORDER,
                "cancelPayments": NOTHING_SETTLED,
                "reconcilePayments": NOTHING_PAID,
            },
            "order.expired",
            {},
            id="free, too late",
        ),
        pytest.param(
            lambda buyer: {**buyer.held(0), "outcome": "DEADLINE"},
            {
                "expireReservation": {"status": "EXPIRED"},
                "expireConcessionOrder": NO_ORDER,
                "cancelPayments": NOTHING_SETTLED,
                "reconcilePayments": NOTHING_PAID,
            },
            "order.expired",
            {},
            id="expired",
        ),
        pytest.param(
            cancelled,
            {
                "cancelConcessionOrder": _CANCELLED_ORDER,
                "cancelPayments": NOTHING_SETTLED,
                "reconcilePayments": NOTHING_PAID,
            },
            "order.cancelled",
            {"refunded": False, "amount": None, "payment_id": None},
            id="cancelled before payment",
        ),
        pytest.param(
            lambda buyer: {**cancelled(buyer), "payment_id": buyer.payment_id},
            {
                "refundPayment": {**REFUNDED, "amountMinor": 24_000},
                "cancelConcessionOrder": _CANCELLED_ORDER,
                "cancelPayments": NOTHING_SETTLED,
                "reconcilePayments": NOTHING_PAID,
            },
            "order.cancelled",
            {"refunded": True, "amount": {"amount_minor": 24_000, "currency": "BRL"}},
            id="cancelled after payment",
        ),
        pytest.param(
            lambda buyer: buyer.paid(),
            {
                "confirmReservation": {"status": "UNITS_TAKEN", "order": None},
                "refundPayment": REFUNDED,
                "expireConcessionOrder": NO_ORDER,
            },
            "order.refunded",
            {"amount": _BRL, "reason": "UNITS_UNAVAILABLE"},
            id="paid late, units taken",
        ),
        pytest.param(
            lambda buyer: buyer.paid(),
            {
                "confirmReservation": {"status": "AMOUNT_MISMATCH", "order": None},
                "refundPayment": REFUNDED,
                "expireConcessionOrder": NO_ORDER,
            },
            "order.refunded",
            {"amount": _BRL, "reason": "AMOUNT_MISMATCH"},
            id="another amount",
        ),
        pytest.param(
            lambda buyer: buyer.paid(),
            {"confirmReservation": {"status": "DUPLICATE_PAYMENT", "order": None}, "refundPayment": REFUNDED},
            "order.refunded",
            {"amount": _BRL, "reason": "PAID_TWICE"},
            id="paid twice",
        ),
        pytest.param(
            lambda buyer: buyer.paid(),
            {
                "confirmReservation": {"status": "CANCELLED", "order": None},
                "refundPayment": REFUNDED,
                "expireConcessionOrder": NO_ORDER,
            },
            "order.cancelled",
            {"refunded": True, "amount": _BRL},
            id="paid after the cancellation",
        ),
    ],
)
def test_an_ending_is_told_once(
    deployed: Deployed,
    heard: Heard,
    directed: Callable[..., None],
    buyer: Buyer,
    given: Callable[[Buyer], dict[str, Any]],
    answers: dict[str, Any],
    kind: str,
    told: dict[str, Any],
) -> None:
    directed(**answers)
    ended_well(deployed, deployed.start("reservation", given(buyer)))

    (event,) = heard.about(buyer.reservation_id)
    assert event["type"] == kind
    assert {name: event["data"][name] for name in told} == told


def test_a_buyer_who_cancels_while_the_bank_pays_is_told_once(
    deployed: Deployed, subgraphs: Subgraphs, heard: Heard, directed: Callable[..., None], buyer: Buyer
) -> None:
    """The cancellation's execution and the late payment's give back the same money, and tell it as the same event."""
    paid = known(buyer.payment_id, "SUCCEEDED", 27_500)
    directed(
        confirmReservation={"status": "CANCELLED", "order": None},
        cancelConcessionOrder=_CANCELLED_ORDER,
        expireConcessionOrder=NO_ORDER,
        cancelPayments={"settledPaymentId": buyer.payment_id},
        reconcilePayments=paid,
        refundPayment=REFUNDED,
    )
    flow = deployed.start("reservation", buyer.held(600), name=buyer.reservation_id)
    deployed.waiting_token(f"reservation:{buyer.reservation_id}")
    deployed.signal("reservation.cancelled", {"reservation_id": buyer.reservation_id, "customer_id": buyer.customer_id})
    deployed.signal("payment.succeeded", buyer.payment_event())

    ended_well(deployed, flow)
    ended_well(deployed, deployed.named("reservation", f"{buyer.reservation_id}-late-{buyer.payment_id}"))
    closing = [event for event in heard.about(buyer.reservation_id) if event["type"].startswith("order.")]
    assert {event["id"] for event in closing} == {f"order.cancelled:{buyer.reservation_id}:{buyer.payment_id}"}
    assert {str(event["data"]) for event in closing} == {str(closing[0]["data"])}
    assert closing[0]["data"]["amount"] == _BRL
    refunds = subgraphs.asked("refundPayment", paymentId=buyer.payment_id)
    assert {refund["idempotencyKey"] for refund in refunds} == {
        f"{buyer.reservation_id}:{buyer.payment_id}:cancelled_by_customer"
    }


@pytest.mark.parametrize("outcome", ["DEADLINE", "CANCELLED"])
def test_what_the_bank_is_still_processing_is_waited_for(
    deployed: Deployed,
    hurried: Callable[..., str],
    heard: Heard,
    directed: Callable[..., None],
    buyer: Buyer,
    outcome: str,
) -> None:
    """A card in processing cannot be withdrawn: nobody is told "nothing was charged" before that is known."""
    answers = iter([*[known(buyer.payment_id, "PROCESSING", 27_500)] * 3, known(buyer.payment_id, "FAILED", 27_500)])
    if outcome == "DEADLINE":
        answers = iter([NOTHING_PAID, *answers])
    directed(
        expireReservation={"status": "EXPIRED"},
        expireConcessionOrder=NO_ORDER,
        cancelConcessionOrder=_CANCELLED_ORDER,
        cancelPayments=NOTHING_SETTLED,
        reconcilePayments=lambda given: next(answers),
    )
    flow = hurried("reservation", {**cancelled(buyer), "outcome": outcome})

    ended_well(deployed, flow)
    assert deployed.states_entered(flow).count("WaitForBank") == 3
    (event,) = heard.about(buyer.reservation_id)
    assert event["type"] == ("order.expired" if outcome == "DEADLINE" else "order.cancelled")
    assert not event["data"].get("refunded")


def test_a_payment_that_turns_up_after_a_refunded_one_goes_back_too(
    deployed: Deployed, subgraphs: Subgraphs, heard: Heard, directed: Callable[..., None], buyer: Buyer
) -> None:
    """Cancelled after it was paid twice: both payments go back, told together, and the flow comes to its end."""
    second = str(uuid4())
    both = {
        "payments": [
            {"paymentId": payment_id, "status": "SUCCEEDED", "amountMinor": 27_500}
            for payment_id in (buyer.payment_id, second)
        ]
    }
    directed(
        cancelConcessionOrder=_CANCELLED_ORDER,
        cancelPayments={"settledPaymentId": buyer.payment_id},
        reconcilePayments=both,
        refundPayment=REFUNDED,
    )
    ended_well(deployed, deployed.start("reservation", {**cancelled(buyer), "payment_id": buyer.payment_id}))

    for payment_id in (buyer.payment_id, second):
        assert len(subgraphs.asked("refundPayment", paymentId=payment_id)) == 1
    (event,) = heard.about(buyer.reservation_id)
    assert event["data"]["amount"]["amount_minor"] == 55_000
