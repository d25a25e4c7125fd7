"""Paying through the front door: again and again, from several windows at once, and for what costs nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, sectors

pytestmark = pytest.mark.journey

CANCEL = """mutation($r: ID!, $k: String!) { cancelReservation(input: { reservationId: $r, idempotencyKey: $k }) {
  reservation { status } errors { code } } }"""
TICKETS = "query($r: ID!) { reservation(id: $r) { status total { amountMinor } payment { id } tickets { status } } }"
VISA = {"paymentMethodId": "pm_card_visa"}


def choice(shopper: Shopper, number: int = 0) -> tuple[str, str]:
    """(session, sector) of places that are not numbered: one of several, by turns."""
    found = [row for row in sectors(shopper) if not row[2]["numbered"] and row[2]["available"] > 20]
    _, session, sector = found[number % len(found)]
    return session["id"], sector["id"]


def cancel(shopper: Shopper, reservation_id: str) -> None:
    assert shopper.data(CANCEL, r=reservation_id, k=str(uuid4()))["cancelReservation"]["errors"] == []


def test_buyers_are_served_again_and_again(ana: Shopper) -> None:
    """More payments than a database connection plans by their values: the last is made like the first."""
    for number in range(30):
        reservation = held(ana, *choice(ana, number))
        paid = pay(ana, reservation["id"])
        assert (paid["errors"], paid["payment"]["status"]) == ([], "REQUIRES_ACTION"), number
        cancel(ana, reservation["id"])


def test_several_windows_at_once_have_one_charge(ana: Shopper) -> None:
    """By Pix and by card with keys of their own: everybody has the charge that lives, or is told of an error."""
    for number in range(10):
        reservation = held(ana, *choice(ana, number))
        ways: list[dict[str, Any]] = [{}, {"method": "CARD", "card": VISA}, {}]
        with ThreadPoolExecutor(8) as windows:
            answers = list(
                windows.map(lambda way, r=reservation["id"]: pay(ana, r, **way), (ways * 3)[: 2 + number % 7])
            )
        assert len({answer["payment"]["id"] for answer in answers if not answer["errors"]}) == 1, answers
        for answer in answers:
            if answer["errors"]:
                assert (answer["payment"], answer["errors"][0]["code"]) == (None, "INVALID_STATE")
            else:
                assert answer["payment"]["status"] in {"REQUIRES_ACTION", "SUCCEEDED"}


def test_what_costs_nothing_is_confirmed_without_a_payment(ana: Shopper, running: Any) -> None:
    """Tickets and mail come as usual; the same key is answered the same; giving it back moves no money."""
    session, sector = choice(ana)
    with running.priced(sector, 0):
        reservation = held(ana, session, sector, 2)
        key = str(uuid4())
        for _ in range(2):
            paid = pay(ana, reservation["id"], key=key)
            assert (paid["payment"], paid["errors"]) == (None, [])
            await_status(ana, reservation["id"], "CONFIRMED")
    found = ana.data(TICKETS, r=reservation["id"])["reservation"]
    assert (found["total"]["amountMinor"], found["payment"]) == (0, None)
    assert [ticket["status"] for ticket in found["tickets"]] == ["ISSUED"] * 2
    cancel(ana, reservation["id"])


def test_a_price_too_small_for_a_card_is_paid_by_pix(ana: Shopper, running: Any) -> None:
    session, sector = choice(ana)
    with running.priced(sector, 1):
        reservation = held(ana, session, sector)
        refused = pay(ana, reservation["id"], method="CARD", card=VISA)
        assert (refused["payment"], [error["code"] for error in refused["errors"]]) == (None, ["AMOUNT_TOO_SMALL"])
        assert "Pix" in refused["errors"][0]["message"]
        by_pix = pay(ana, reservation["id"])
        running.pay(by_pix["payment"]["id"])
        await_status(ana, reservation["id"], "CONFIRMED")


def test_a_message_of_a_payment_that_nobody_made_sells_nothing(ana: Shopper, running: Any) -> None:
    """Rightly signed, of the right amount: the bank is asked, and knows of nothing."""
    reservation = held(ana, *choice(ana))
    payment = pay(ana, reservation["id"])["payment"]
    sandbox = running.status["sandbox"]
    httpx.post(f"{sandbox}/charges/{payment['id']}/forge", timeout=10).raise_for_status()
    running.pay(payment["id"])  # and now the truth
    eventually(lambda: ana.data(TICKETS, r=reservation["id"])["reservation"]["status"] == "CONFIRMED")
