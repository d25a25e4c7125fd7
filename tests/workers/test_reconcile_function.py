"""The function behind the schedule: what it asks, what it publishes, what it answers and counts."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.workers.buyers import CONFIRMED, PAID_CONCESSIONS, Buyer, told
from tests.workers.deployed import Deployed
from tests.workers.subgraphs import Down, Subgraphs
from workers.reconcile.findings import Kind
from workers.reconcile.metrics import count
from workers.reconcile.report import Report, Unsettled

NOTHING: dict[str, Any] = {
    "unaccountedPayments": [],
    "unsettledReservations": [],
    "overdueConcessionOrders": 0,
    "overduePayments": [],
    "unfinishedRefunds": [],
    "concessionOrderFacts": [],
    "arrivedEvents": [],
}


@pytest.fixture
def buyer() -> Buyer:
    return Buyer()


def captured(buyer: Buyer) -> dict[str, Any]:
    """Money of a buyer whose reservation is still held."""
    reference = f"reservation:{buyer.reservation_id}"
    return {
        **NOTHING,
        "unaccountedPayments": [{"paymentId": buyer.payment_id, "reference": reference, "cursor": "c"}],
        "reservationFacts": [
            {
                "reservationId": buyer.reservation_id,
                "customerId": buyer.customer_id,
                "status": "AWAITING_PAYMENT",
                "ageSeconds": -60,
                "quantity": 2,
                "totalMinor": 24_000,
                "paymentId": None,
                "tickets": 0,
            }
        ],
        "paymentFacts": [
            {
                "paymentId": buyer.payment_id,
                "reference": reference,
                "payerId": buyer.customer_id,
                "status": "SUCCEEDED",
                "amountMinor": 27_500,
                "keptMinor": 27_500,
                "isOpen": False,
            }
        ],
        "confirmReservation": CONFIRMED,
        "confirmConcessionOrder": PAID_CONCESSIONS,
    }


def test_money_that_nobody_saw_to_buys_and_is_told(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    directed(**captured(buyer))
    assert deployed.invoke("reconcile", {}) == {
        "found": {"payment unplaced": 1},
        "done": {"payment unplaced": 1},
        "unsettled": 0,
        "in_order": 0,
        "unfinished": None,
    }
    (confirmed,) = subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id)
    assert (confirmed["paymentId"], confirmed["amountMinor"]) == (buyer.payment_id, 27_500)
    assert told(deployed, "order.confirmed", buyer)["id"] == f"order.confirmed:{buyer.reservation_id}"
    # What has just happened is the flow's for half a minute.
    assert {
        given["graceSeconds"] for given in subgraphs.asked("unaccountedPayments", referencePrefix="reservation:")
    } == {30}


def test_a_dry_run_asks_for_nothing_to_be_done(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None], buyer: Buyer
) -> None:
    directed(**captured(buyer))
    answer = deployed.invoke("reconcile", {"dry": True})
    assert (answer["found"], answer["done"]) == ({"payment unplaced": 1}, {})
    assert subgraphs.asked("confirmReservation", reservationId=buyer.reservation_id) == []


def test_a_service_that_is_away_is_told_and_no_error(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """The schedule comes again in five minutes; the alarm for errors is for what is broken."""

    def down(given: Any) -> Any:
        raise Down

    directed(**{**NOTHING, "unaccountedPayments": down, "overdueConcessionOrders": 0})
    assert "payments" in deployed.invoke("reconcile", {})["unfinished"]


def test_what_was_done_is_counted_by_kind_and_nothing_unsettled_as_zero(capsys: pytest.CaptureFixture[str]) -> None:
    passing = Unsettled(Kind.REFUND_UNFINISHED, "r", "away", passing=True)
    lasting = Unsettled(Kind.TICKETS_MISSING, "t", "none", passing=False)
    for unsettled, number in (([passing], 0), ([passing, lasting], 1)):
        report = Report(done=Counter({Kind.PAYMENT_UNPLACED: 2, Kind.HOLD_OVERDUE: 0}), unsettled=unsettled)
        count(report)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(line["Kind"], line["Reconciled"]) for line in lines] == [
            ("payment unplaced", [2.0]),
            ("unsettled", [float(number)]),
        ]
        assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} == {"Bilhetagem"}
