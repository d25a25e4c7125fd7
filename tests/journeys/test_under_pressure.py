"""What buyers see when many want the same, and when a service is away."""

from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, request, sectors

pytestmark = pytest.mark.journey

SUGGEST = """query($r: ID!) { reservation(id: $r) { id
  suggestions(first: 3) { id reason item { __typename ... on Product { name } ... on Event { name } } } } }"""


def test_the_same_seat_goes_to_the_first_who_asked(ana: Shopper, olivia: Shopper) -> None:
    """Two buyers request one seat: the earlier request is held, the later is sold out, and nothing is sold twice."""
    _, session, sector = [row for row in sectors(ana) if row[2]["numbered"]][-1]
    seats = ana.data(
        "query($s: ID!) { session(id: $s) { sectors { id seats(first: 100) { edges { node { id state } } } } } }",
        s=session["id"],
    )["session"]["sectors"]
    seat = next(
        edge["node"]["id"]
        for row in seats
        if row["id"] == sector["id"]
        for edge in reversed(row["seats"]["edges"])
        if edge["node"]["state"] == "FREE"
    )
    first = request(ana, session["id"], sector["id"], 1, [seat])["reservation"]
    second = request(olivia, session["id"], sector["id"], 1, [seat])["reservation"]
    assert await_status(ana, first["id"], "HELD")["units"][0]["id"] == seat
    await_status(olivia, second["id"], "REJECTED_SOLD_OUT")
    rejection = olivia.data(
        "query($r: ID!) { reservation(id: $r) { rejection { code ... on SeatUnavailable { seatIds } } } }",
        r=second["id"],
    )["reservation"]["rejection"]
    assert rejection == {"code": "SEAT_UNAVAILABLE", "seatIds": [seat]}


def test_bad_requests_are_refused_with_what_is_wrong(ana: Shopper) -> None:
    """Zero, too many, doubled seats, no key: typed errors, and no reservation."""
    _, session, sector = sectors(ana)[0]
    for quantity, seats, key in [(0, None, None), (1000, None, None), (2, ["x", "x"], None), (1, None, " " * 300)]:
        payload = request(ana, session["id"], sector["id"], quantity, seats, key)
        assert payload["reservation"] is None
        assert [error["code"] for error in payload["errors"]] == ["INVALID_INPUT"]
    missing = request(ana, "garbage", sector["id"])
    assert missing["reservation"] is None
    assert missing["errors"][0]["code"] in {"INVALID_INPUT", "NOT_FOUND"}


def test_with_suggestions_away_the_defaults_are_served_and_said_so(ana: Shopper, running: Any) -> None:
    """The summary goes on without the suggestions service: defaults of the Parameter Store, marked as degraded."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    with running.without("suggestions"):
        body = ana.ask(SUGGEST, r=reservation["id"])
    assert "errors" not in body, body
    suggestions = body["data"]["reservation"]["suggestions"]
    assert suggestions
    assert {suggestion["reason"] for suggestion in suggestions} == {"DEFAULT"}
    assert all(suggestion["item"]["name"] for suggestion in suggestions)
    degraded = body["extensions"]["degraded"]
    assert any(entry["path"][:2] == ["reservation", "suggestions"] for entry in degraded), degraded


def test_with_ticketing_away_requests_queue_and_are_served_when_it_is_back(ana: Shopper, running: Any) -> None:
    """QUEUED is answered at once while ticketing is down; the request is held once it returns."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    with running.without("ticketing"):
        payload = request(ana, session["id"], sector["id"])
        assert payload["errors"] == []
        assert payload["reservation"]["status"] == "QUEUED"
        catalogue = ana.ask("{ products(first: 1) { edges { node { name } } } events(first: 1) { edges { cursor } } }")
        assert catalogue["errors"][0]["path"] == ["events"]
    eventually(lambda: "errors" not in ana.ask("{ events(first: 1) { edges { cursor } } }"))
    await_status(ana, payload["reservation"]["id"], "HELD")


def test_who_watches_a_reservation_notices_nothing_of_a_restart_but_the_state_again(ana: Shopper, running: Any) -> None:
    """The subscription lives on through it: the present state comes first, then what changes after it."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    with ana.subscribed("subscription($r: ID!) { reservationStatus(id: $r) { status } }", r=reservation["id"]) as event:
        assert event(20)["payload"] == {"data": {"reservationStatus": {"status": "HELD"}}}
        with running.without("ticketing"):
            pass
        assert event(45)["payload"] == {"data": {"reservationStatus": {"status": "HELD"}}}
        running.end_hold(reservation["id"])
        assert event(20)["payload"] == {"data": {"reservationStatus": {"status": "EXPIRED"}}}


def test_with_concessions_away_events_are_served_with_the_combos_known_last(ana: Shopper, running: Any) -> None:
    """The catalogue does not need concessions; what is old is told."""
    query = "{ events(first: 2) { edges { node { name combos(first: 2) { name } } } } }"
    plain = "{ events(first: 50) { edges { node { name sessions { sectors { available } } } } } }"
    known = ana.data(query)["events"]
    with running.without("concessions"):
        body, events = ana.ask(query), ana.data(plain)["events"]["edges"]
    assert events
    assert "errors" not in body, body
    assert body["data"]["events"] == known
    assert {entry["source"] for entry in body["extensions"]["degraded"]} == {"last_good"}


def test_what_a_page_defers_follows_and_fails_by_itself(ana: Shopper, running: Any) -> None:
    """The catalogue comes first; the combos of each event when they are there, or their errors."""
    query = (
        """{ events(first: 2) { edges { node { name ... @defer(label: "combos") { combos(first: 3) { name } } } } } }"""
    )
    plain = ana.data(query.replace('@defer(label: "combos")', ""))["events"]["edges"]
    first, *rest = ana.parts(query)
    assert first["data"]["events"]["edges"] == [{"node": {"name": edge["node"]["name"]}} for edge in plain]
    assert [pending["label"] for pending in first["pending"]] == ["combos", "combos"]
    followed = [entry["data"]["combos"] for part in rest for entry in part["incremental"]]
    assert followed == [edge["node"]["combos"] for edge in plain]
    never_asked = query.replace("first: 3", "first: 9")
    with running.without("concessions"):
        first, *rest = ana.parts(never_asked)
    assert len(first["data"]["events"]["edges"]) == 2
    entries = [entry for part in rest for entry in part["incremental"]]
    assert [entry["data"] for entry in entries] == [{"combos": None}] * 2
    assert {error["extensions"]["service"] for entry in entries for error in entry["errors"]} == {"concessions"}


def test_what_a_service_that_is_away_adds_is_missing_and_nothing_else(ana: Shopper, running: Any) -> None:
    """Its fields are null, with an error that names it; the rest of the answer arrives."""
    never_asked = "{ events(first: 3) { edges { node { name combos(first: 7) { name } } } } }"
    with running.without("concessions"):
        body = ana.ask(never_asked)
    nodes = [edge["node"] for edge in body["data"]["events"]["edges"]]
    assert len(nodes) == 3
    assert all(node["name"] and node["combos"] is None for node in nodes)
    assert {error["extensions"]["service"] for error in body["errors"]} == {"concessions"}
    with running.without("notifications"):
        body = ana.ask("{ me { name notifications(first: 1) { edges { node { subject } } } } }")
    assert body["data"]["me"]["name"]
    assert body["data"]["me"]["notifications"] is None
    assert {error["extensions"]["service"] for error in body["errors"]} == {"notifications"}


def test_concessions_that_are_not_there_stop_the_payment_not_the_hold(ana: Shopper) -> None:
    """An unknown product is refused before any money moves, and the hold stays payable."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    refused = pay(ana, reservation["id"], items=[{"productId": "garbage", "quantity": 1}])
    assert refused["payment"] is None
    assert refused["errors"][0]["code"] in {"INVALID_INPUT", "NOT_FOUND"}
    assert pay(ana, reservation["id"], key=str(uuid4()))["errors"] == []
