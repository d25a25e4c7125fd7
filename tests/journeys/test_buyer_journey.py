"""A buyer's whole way, through the front door: from the catalogue to tickets, pick-up code and e-mail."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, request, sectors

pytestmark = pytest.mark.journey

WATCH = """subscription($r: ID!) { reservationStatus(id: $r) {
  id status heldUntil total { amountMinor } units { label } } }"""

SUMMARY = """query($r: ID!) { reservation(id: $r) { status units { label } total { amountMinor }
  suggestions(first: 3) { id reason item { __typename
    ... on Product { id name price { amountMinor } } ... on Event { name } } } } }"""

FEEDBACK = """mutation($g: ID!) { sendSuggestionFeedback(input: { suggestionId: $g, outcome: ACCEPTED }) {
  suggestion { id } errors { code } } }"""

ORDERS = """query { me { name reservations(first: 5) { edges { node { id status
  tickets { id code status qrCodeSvg qrPayload }
  concessionOrder { pickupCode status items { product { name } quantity } } } } } } }"""


def test_a_buyer_goes_from_the_catalogue_to_tickets_by_pix(ana: Shopper, running: Any) -> None:
    """Every step of the journey works, and each later one builds on what the earlier one answered."""
    # given an event in São Paulo with a numbered sector, and two free seats in it
    event, session, sector = next(row for row in sectors(ana, city="São Paulo") if row[2]["numbered"])
    seats = ana.data(
        "query($s: ID!) { session(id: $s) { sectors { id seats(first: 100) { edges { node { id label state } } } } } }",
        s=session["id"],
    )["session"]["sectors"]
    free = [
        edge["node"]
        for row in seats
        if row["id"] == sector["id"]
        for edge in row["seats"]["edges"]
        if edge["node"]["state"] == "FREE"
    ][:2]
    # when they are requested
    payload = request(ana, session["id"], sector["id"], 2, [seat["id"] for seat in free])
    assert payload["errors"] == []
    reservation = payload["reservation"]
    assert reservation["status"] == "QUEUED"
    # Null when the request was served before its place could be told.
    assert reservation["queuePosition"] is None or reservation["queuePosition"] >= 1
    # then the subscription tells the present state first, and the hold at last
    seen: list[str] = []
    with ana.subscribed(WATCH, r=reservation["id"]) as next_event:
        while "HELD" not in seen:
            event_ = next_event(30)
            assert event_["type"] == "next", event_
            assert "errors" not in event_["payload"], event_
            status = event_["payload"]["data"]["reservationStatus"]
            seen.append(status["status"])
    assert {unit["label"] for unit in status["units"]} == {seat["label"] for seat in free}
    assert status["heldUntil"] is not None
    # and the summary suggests something, and takes feedback on it
    summary = ana.data(SUMMARY, r=reservation["id"])["reservation"]
    products = [s for s in summary["suggestions"] if s["item"]["__typename"] == "Product"]
    assert products, summary
    assert ana.data(FEEDBACK, g=products[0]["id"])["sendSuggestionFeedback"] == {
        "suggestion": {"id": products[0]["id"]},
        "errors": [],
    }
    # when it is paid by Pix with one of the suggestions added
    product = products[0]["item"]
    paid = pay(ana, reservation["id"], items=[{"productId": product["id"], "quantity": 1}])
    assert paid["errors"] == []
    payment = paid["payment"]
    assert payment["status"] == "REQUIRES_ACTION"
    assert payment["amount"]["amountMinor"] == summary["total"]["amountMinor"] + product["price"]["amountMinor"]
    assert payment["pix"]["brCode"].startswith("000201")
    assert payment["pix"]["qrCodeSvg"].lstrip().startswith(("<svg", "<?xml"))
    running.pay(payment["id"])
    # then it is confirmed, with one ticket a seat and a pick-up code
    await_status(ana, reservation["id"], "CONFIRMED")

    def order() -> dict[str, Any] | None:
        edges = ana.data(ORDERS)["me"]["reservations"]["edges"]
        mine: dict[str, Any] = next(edge["node"] for edge in edges if edge["node"]["id"] == reservation["id"])
        return mine if (mine["concessionOrder"] or {}).get("pickupCode") else None

    order_ = eventually(order)
    assert [ticket["status"] for ticket in order_["tickets"]] == ["ISSUED", "ISSUED"]
    assert order_["concessionOrder"]["status"] == "PAID"
    assert [(item["product"]["name"], item["quantity"]) for item in order_["concessionOrder"]["items"]] == [
        (product["name"], 1)
    ]
    # and an e-mail with the event's name reached the buyer
    mails = eventually(
        lambda: [
            mail for mail in running.messages() if event["name"] in str(mail) and running.customer_email in str(mail)
        ]
    )
    assert order_["concessionOrder"]["pickupCode"] in str(mails)


def test_a_card_is_charged_at_once_and_the_ticket_scans_exactly_once(
    ana: Shopper, olivia: Shopper, running: Any
) -> None:
    """A succeeding card confirms without any further act; the gate accepts QR or code, once; a buyer is no gate."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    paid = pay(ana, reservation["id"], method="CARD", card={"paymentMethodId": "pm_card_visa"})
    assert paid["errors"] == []
    await_status(ana, reservation["id"], "CONFIRMED")
    edges = ana.data(ORDERS)["me"]["reservations"]["edges"]
    (ticket,) = next(edge["node"]["tickets"] for edge in edges if edge["node"]["id"] == reservation["id"])
    scan = """mutation($s: ID!, $q: String, $c: String) {
      checkInTicket(input: { sessionId: $s, gate: "A", qrPayload: $q, code: $c }) {
        ticket { id status } errors { code ... on CheckInRefused { reason checkedInGate } } } }"""

    def check_in(shopper: Shopper, **shown: str) -> Any:
        return shopper.data(scan, s=session["id"], **shown)["checkInTicket"]

    assert check_in(ana, q=ticket["qrPayload"])["errors"][0]["code"] == "FORBIDDEN"
    running.open_gates(session["id"])
    first, second = check_in(olivia, q=ticket["qrPayload"]), check_in(olivia, c=ticket["code"].lower())
    assert (first["ticket"], first["errors"]) == ({"id": ticket["id"], "status": "CHECKED_IN"}, [])
    assert second["errors"] == [{"code": "INVALID_STATE", "reason": "ALREADY_CHECKED_IN", "checkedInGate": "A"}]


def test_a_declined_card_leaves_the_hold_and_another_payment_settles_it(ana: Shopper) -> None:
    """A decline is told to the buyer, takes no tickets away, and does not stop a second attempt."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    declined = pay(ana, reservation["id"], method="CARD", card={"paymentMethodId": "pm_card_chargeDeclined"})
    assert declined["payment"] is None or declined["payment"]["status"] == "FAILED"
    assert await_status(ana, reservation["id"], "AWAITING_PAYMENT", "HELD")["heldUntil"] is not None
    assert pay(ana, reservation["id"], method="CARD", card={"paymentMethodId": "pm_card_visa"})["errors"] == []
    await_status(ana, reservation["id"], "CONFIRMED")


def test_repeating_a_request_or_a_payment_changes_nothing(ana: Shopper) -> None:
    """Same key and input: the stored result. Same key, other input: a typed refusal."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    key = str(uuid4())
    first = request(ana, session["id"], sector["id"], 1, key=key)
    again = request(ana, session["id"], sector["id"], 1, key=key)
    other = request(ana, session["id"], sector["id"], 2, key=key)
    assert first["reservation"]["id"] == again["reservation"]["id"]
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    await_status(ana, first["reservation"]["id"], "HELD")
    payment_key = str(uuid4())
    payments = [pay(ana, first["reservation"]["id"], key=payment_key)["payment"]["id"] for _ in range(2)]
    assert payments[0] == payments[1]


def test_a_cancelled_reservation_gives_its_seats_back(ana: Shopper) -> None:
    """Cancelling a hold frees its units, and what was cancelled can no longer be paid."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])

    def available() -> int:
        found = ana.data("query($s: ID!) { session(id: $s) { sectors { id available } } }", s=session["id"])
        return int(next(row["available"] for row in found["session"]["sectors"] if row["id"] == sector["id"]))

    before = available()
    payload = ana.data(
        """mutation($r: ID!, $k: String!) { cancelReservation(input: { reservationId: $r, idempotencyKey: $k }) {
          reservation { id status } errors { code } } }""",
        r=reservation["id"],
        k=str(uuid4()),
    )["cancelReservation"]
    assert payload == {"reservation": {"id": reservation["id"], "status": "CANCELLED"}, "errors": []}
    assert available() == before + 1
    assert pay(ana, reservation["id"])["errors"][0]["code"] == "INVALID_STATE"


def test_a_hold_that_nobody_pays_expires_and_its_seats_are_free_again(ana: Shopper, running: Any) -> None:
    """The end of the hold is pushed, what was held counts as available, and paying comes too late."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])

    def available() -> int:
        found = ana.data("query($s: ID!) { session(id: $s) { sectors { id available } } }", s=session["id"])
        return int(next(row["available"] for row in found["session"]["sectors"] if row["id"] == sector["id"]))

    reservation = held(ana, session["id"], sector["id"], 2)
    before = available()
    with ana.subscribed(WATCH, r=reservation["id"]) as next_event:
        assert next_event(20)["payload"]["data"]["reservationStatus"]["status"] == "HELD"
        running.end_hold(reservation["id"])
        pushed = next_event(20)["payload"]["data"]["reservationStatus"]
    assert (pushed["status"], pushed["heldUntil"]) == ("EXPIRED", None)
    assert available() == before + 2
    refused = pay(ana, reservation["id"])
    assert refused["payment"] is None
    assert refused["errors"][0]["code"] in {"EXPIRED", "INVALID_STATE"}


def test_nobody_sees_what_belongs_to_another(ana: Shopper, olivia: Shopper, anybody: Shopper) -> None:
    """A foreign id, a missing id and garbage answer alike, by root field, by node and to somebody not signed in."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    mine = held(ana, session["id"], sector["id"])["id"]
    look = "query($r: ID!) { reservation(id: $r) { id status } node(id: $r) { id __typename } }"
    assert ana.data(look, r=mine)["reservation"]["id"] == mine
    nothing = {"reservation": None, "node": None}
    assert olivia.data(look, r=mine) == nothing
    assert anybody.data(look, r=mine) == nothing
    assert ana.data(look, r="UmVzZXJ2YXRpb246MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw") == nothing
    assert ana.data(look, r="garbage") == nothing
    with olivia.subscribed(WATCH, r=mine) as next_event:
        event = next_event(20)
        assert event["type"] == "error" or event["payload"].get("errors")


def test_whoever_is_not_signed_in_is_told_so(anybody: Shopper) -> None:
    """The catalogue is public; buying is not; a bad token is refused at the door."""
    _, session, sector = sectors(anybody)[0]
    payload = request(anybody, session["id"], sector["id"])
    assert payload["reservation"] is None
    assert [error["code"] for error in payload["errors"]] == ["UNAUTHENTICATED"]
    refused = httpx.post(
        anybody.url, json={"query": "{ me { id } }"}, headers={"Authorization": "Bearer not.a.token"}, timeout=10
    )
    assert refused.status_code == 401
