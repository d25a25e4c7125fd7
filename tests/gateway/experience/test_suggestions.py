"""`suggestions` and feedback: whatever can be asked in time, and the defaults when nothing can."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.experience.ids import decode
from tests.gateway.experience.conftest import DEFAULT_PRODUCTS, Buyer, Services, global_id

EVENT, SHOW, VENUE, POPCORN = (UUID(int=number) for number in (1, 2, 3, 4))
RESERVATION = global_id("Reservation", UUID(int=5))
SUGGESTION = global_id("Suggestion", UUID(int=6))
ASK = """query ($representations: [_Any!]!, $first: Int = 3) { _entities(representations: $representations) {
  ... on Reservation { suggestions(first: $first) {
    id reason item { __typename ... on Product { id } ... on Event { id } } } } } }"""
FEEDBACK = """mutation ($input: SendSuggestionFeedbackInput!) { sendSuggestionFeedback(input: $input) {
  suggestion { id } errors { code message field } } }"""
SUGGESTED = {
    "id": SUGGESTION,
    "reason": "POPULAR",
    "item": {"__typename": "Product", "id": global_id("Product", POPCORN)},
}


@pytest.fixture
def willing(services: Services) -> Services:
    session = {"id": "s", "event": {"id": global_id("Event", EVENT), "kind": "CINEMA"}}
    session["venue"] = {"id": global_id("Venue", VENUE)}
    services.on("ticketing", "ReservationSettings", {"_entities": [{"id": RESERVATION, "session": session}]})
    purchase = {"event": {"id": global_id("Event", SHOW)}, "quantity": 2, "purchasedAt": "2026-01-01T00:00:00Z"}
    services.on("ticketing", "purchaseHistory", {"purchaseHistory": [purchase]})
    edges = [{"node": {"id": global_id("Event", one)}} for one in (EVENT, SHOW)]
    services.on("ticketing", "events(", {"events": {"edges": edges}})
    products = {"edges": [{"node": {"id": global_id("Product", POPCORN)}}]}
    services.on("concessions", "products(", {"products": products})
    services.on("suggestions", "suggest(", suggested)
    return services


def suggested(variables: dict[str, Any]) -> dict[str, Any]:
    """The same for each input."""
    return {f"s{number}": [SUGGESTED] for number in range(len(variables))}


async def suggestions(buyer: Buyer, first: int = 3, reservation: str = RESERVATION) -> tuple[Any, list[Any]]:
    """What is suggested, and what the answer says was missing."""
    representations = [{"__typename": "Reservation", "id": reservation}]
    response = await buyer.ask(ASK, representations=representations, first=first)
    assert "errors" not in response
    return response["data"]["_entities"][0]["suggestions"], response.get("extensions", {}).get("degraded", [])


async def test_history_events_and_products_go_into_the_question(buyer: Buyer, willing: Services) -> None:
    assert await suggestions(buyer) == ([SUGGESTED], [])
    (asked,) = willing.variables("suggestions", "suggest(")
    assert asked["input0"] == {
        "first": 3,
        "context": {
            "reservationId": str(UUID(int=5)),
            "eventId": str(EVENT),
            "eventKind": "CINEMA",
            "venueId": str(VENUE),
        },
        "history": [{"type": "EVENT", "id": str(SHOW), "quantity": 2, "at": "2026-01-01T00:00:00Z"}],
        "candidates": [{"type": "PRODUCT", "id": str(POPCORN)}, {"type": "EVENT", "id": str(SHOW)}],
    }
    (where,) = willing.variables("concessions", "products(")
    assert where == {"where": {"venueId": global_id("Venue", VENUE)}}


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("away"),
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": None, "errors": [{"message": "fault"}]}),
    ],
)
async def test_when_suggestions_are_down_the_defaults_are_served_and_the_answer_says_so(
    buyer: Buyer, willing: Services, fault: Any
) -> None:
    willing.on("suggestions", "suggest(", fault)
    served, degraded = await suggestions(buyer, first=1)
    assert [one["reason"] for one in served] == ["DEFAULT"]
    assert decode("Product", served[0]["item"]["id"]) == DEFAULT_PRODUCTS[0]
    assert [entry["source"] for entry in degraded] == ["suggestions", "parameter_store"]
    assert all(entry["path"] == ["_entities", 0, "suggestions"] for entry in degraded)
    assert len(willing.variables("suggestions", "suggest(")) == 3  # tried again before giving up
    again, _ = await suggestions(buyer, first=1)
    assert again == served


async def test_defaults_of_the_suggestions_service_itself_are_told_too(buyer: Buyer, willing: Services) -> None:
    """It is there, but nothing that it knows speaks for what it suggests."""
    default = {**SUGGESTED, "reason": "DEFAULT"}
    willing.on("suggestions", "suggest(", {"s0": [SUGGESTED, default]})
    served, degraded = await suggestions(buyer)
    assert served == [SUGGESTED, default]
    assert degraded == [{"path": ["_entities", 0, "suggestions"], "source": "suggestions", "reason": "default"}]
    served, degraded = await suggestions(buyer, first=1)
    assert (served, degraded) == ([SUGGESTED], [])


@pytest.mark.parametrize(
    ("service", "text", "left"),
    [
        ("concessions", "products(", [{"type": "EVENT", "id": str(SHOW)}]),
        ("ticketing", "events(", [{"type": "PRODUCT", "id": str(POPCORN)}]),
    ],
)
async def test_a_source_that_is_away_is_gone_without(
    buyer: Buyer, willing: Services, service: str, text: str, left: list[Any]
) -> None:
    willing.on(service, text, httpx.ConnectError("away"))
    served, degraded = await suggestions(buyer)
    assert served == [SUGGESTED]
    assert [entry["source"] for entry in degraded] == [service]
    assert willing.variables("suggestions", "suggest(")[0]["input0"]["candidates"] == left


async def test_a_source_that_comes_back_at_once_is_no_loss(buyer: Buyer, willing: Services) -> None:
    tries: list[int] = []

    def flaky(_: Any) -> Any:
        tries.append(1)
        return httpx.Response(503) if len(tries) < 3 else {"products": {"edges": []}}

    willing.on("concessions", "products(", flaky)
    assert await suggestions(buyer) == ([SUGGESTED], [])
    assert len(tries) == 3


async def test_when_everything_is_away_the_defaults_remain(buyer: Buyer, services: Services) -> None:
    served, degraded = await suggestions(buyer)
    assert [decode("Product", one["item"]["id"]) for one in served] == list(DEFAULT_PRODUCTS)
    assert {entry["source"] for entry in degraded} == {"ticketing", "concessions", "parameter_store"}
    assert services.variables("suggestions", "suggest(") == []


async def test_without_defaults_the_field_fails_and_names_no_address(
    make_buyer: Callable[..., Buyer], services: Services
) -> None:
    buyer = make_buyer(parameter="/nowhere")
    representations = [{"__typename": "Reservation", "id": RESERVATION}]
    response = await buyer.ask(ASK, representations=representations)
    (error,) = response["errors"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert "nowhere" not in error["message"]


async def test_a_slow_answer_does_not_outlast_the_request(make_buyer: Callable[..., Buyer], willing: Services) -> None:
    buyer = make_buyer(seconds=0.01)
    served, degraded = await suggestions(buyer)
    assert [one["reason"] for one in served] == ["DEFAULT", "DEFAULT"]
    assert {"reason": "deadline", "source": "ticketing", "path": ["_entities", 0, "suggestions"]} in degraded
    assert willing.asked == []


async def test_a_reservation_of_somebody_else_suggests_nothing(
    make_buyer: Callable[..., Buyer], willing: Services
) -> None:
    willing.on("ticketing", "ReservationSettings", {"_entities": [None]})
    assert await suggestions(make_buyer()) == ([], [])
    assert await suggestions(make_buyer(customer_id=None)) == ([], [])
    assert await suggestions(make_buyer(), reservation="garbage") == ([], [])
    assert willing.variables("suggestions", "suggest(") == []


@pytest.mark.parametrize("first", [0, -1, 21, 10_000])
async def test_only_so_many_may_be_asked_for(buyer: Buyer, willing: Services, first: int) -> None:
    response = await buyer.ask(ASK, representations=[{"__typename": "Reservation", "id": RESERVATION}], first=first)
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert willing.asked == []


async def test_a_customer_has_suggestions_too_and_only_their_own(buyer: Buyer, willing: Services) -> None:
    query = """query ($r: [_Any!]!) { _entities(representations: $r) {
      ... on Customer { suggestions(first: 2) { id } } } }"""
    mine = {"__typename": "Customer", "id": global_id("Customer", buyer.customer_id)}
    foreign = {"__typename": "Customer", "id": global_id("Customer")}
    response = await buyer.ask(query, r=[mine, foreign])
    assert response["data"]["_entities"] == [{"suggestions": [{"id": SUGGESTION}]}, None]


async def test_feedback_is_passed_on(buyer: Buyer, willing: Services) -> None:
    recorded = {"recordSuggestionFeedback": {"suggestion": SUGGESTED, "errors": []}}
    willing.on("suggestions", "recordSuggestionFeedback", recorded)
    given = {"suggestionId": SUGGESTION, "outcome": "ACCEPTED"}
    response = await buyer.ask(FEEDBACK, input=given)
    assert response["data"]["sendSuggestionFeedback"] == {"suggestion": {"id": SUGGESTION}, "errors": []}
    assert willing.variables("suggestions", "recordSuggestionFeedback") == [{"input": given}]


@pytest.mark.parametrize(
    ("signed_in", "suggestion", "code"),
    [
        (False, SUGGESTION, "UNAUTHENTICATED"),
        (True, "garbage", "NOT_FOUND"),
        (True, RESERVATION, "NOT_FOUND"),
        (True, SUGGESTION, "SERVICE_UNAVAILABLE"),  # the service is away
    ],
)
async def test_feedback_that_cannot_be_taken_is_told(
    make_buyer: Callable[..., Buyer], services: Services, signed_in: bool, suggestion: str, code: str
) -> None:
    buyer = make_buyer() if signed_in else make_buyer(customer_id=None)
    response = await buyer.ask(FEEDBACK, input={"suggestionId": suggestion, "outcome": "IGNORED"})
    payload = response["data"]["sendSuggestionFeedback"]
    assert payload["suggestion"] is None
    assert [error["code"] for error in payload["errors"]] == [code]
