"""`node`, `nodes` and `Reservation.payment`: an entity is there when its owner says so to this caller."""

from typing import Any
from uuid import UUID

from tests.gateway.experience.conftest import Buyer, Services, global_id

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


def existing(*known: str) -> Any:
    """Answers `_entities` with those whose ids are known."""

    def answer(variables: Any) -> Any:
        found = [
            {"__typename": one["__typename"]} if one["id"] in known else None for one in variables["representations"]
        ]
        return {"_entities": found}

    return answer


async def test_each_owner_is_asked_once_and_the_order_is_the_client_s(buyer: Buyer, services: Services) -> None:
    event, session, product, gone = (global_id(name) for name in ("Event", "Session", "Product", "Event"))
    services.on("ticketing", "_entities", existing(event, session))
    services.on("concessions", "_entities", existing(product))
    ids = [product, gone, session, "garbage", global_id("Unknown"), event, event]
    response = await buyer.ask(NODES, ids=ids)
    assert "errors" not in response
    found = [None if one is None else (one["__typename"], one["id"]) for one in response["data"]["nodes"]]
    assert found == [
        ("Product", product),
        None,
        ("Session", session),
        None,
        None,
        ("Event", event),
        ("Event", event),
    ]
    assert [name for name, _ in services.asked] in (["ticketing", "concessions"], ["concessions", "ticketing"])


async def test_an_owner_that_is_away_costs_its_own_places_only(buyer: Buyer, services: Services) -> None:
    event, product = global_id("Event"), global_id("Product")
    services.on("ticketing", "_entities", existing(event))
    response = await buyer.ask(NODES, ids=[product, event])
    assert response["data"]["nodes"] == [None, {"__typename": "Event", "id": event}]
    (error,) = response["errors"]
    assert error["path"] == ["nodes", 0]
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE", "service": "concessions"}


async def test_fifty_ids_and_no_more(buyer: Buyer, services: Services) -> None:
    response = await buyer.ask(NODES, ids=["x"] * 51)
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await buyer.ask(NODES, ids=["x"] * 50))["data"]["nodes"] == [None] * 50
    assert services.asked == []


async def test_a_suggestion_comes_with_what_it_suggests(buyer: Buyer, services: Services) -> None:
    suggestion, item = global_id("Suggestion"), {"__typename": "Event", "id": global_id("Event")}
    known = {"__typename": "Suggestion", "reason": "BOUGHT_TOGETHER", "item": item}
    services.on("suggestions", "_entities", {"_entities": [known]})
    query = "query ($id: ID!) { node(id: $id) { id ... on Suggestion { reason item { ... on Event { id } } } } }"
    response = await buyer.ask(query, id=suggestion)
    assert response["data"]["node"] == {"id": suggestion, "reason": "BOUGHT_TOGETHER", "item": {"id": item["id"]}}


async def test_of_several_payments_the_settled_one_counts(buyer: Buyer, services: Services) -> None:
    def payments(variables: dict[str, str]) -> Any:
        paid = {"id": "paid", "status": "SUCCEEDED", "createdAt": "2026-01-01T00:00:00Z"}
        later = {"id": "later", "status": "CREATED", "createdAt": "2026-01-02T00:00:00Z"}
        many = {f"reservation:{UUID(int=1)}": [paid, later], f"reservation:{UUID(int=2)}": [later]}
        return {name: many.get(reference, []) for name, reference in variables.items()}

    services.on("payments", "paymentsByReference", payments)
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Reservation { payment { id } } } }"
    ids = [global_id("Reservation", UUID(int=number)) for number in (1, 2, 3)]
    response = await buyer.ask(query, r=[{"__typename": "Reservation", "id": one} for one in ids])
    assert response["data"]["_entities"] == [
        {"payment": {"id": "paid"}},
        {"payment": {"id": "later"}},
        {"payment": None},
    ]
    assert len(services.asked) == 1


async def test_payments_that_cannot_be_read_are_an_error_of_their_field(buyer: Buyer, services: Services) -> None:
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Reservation { id payment { id } } } }"
    representation = {"__typename": "Reservation", "id": global_id("Reservation")}
    response = await buyer.ask(query, r=[representation])
    assert response["data"]["_entities"] == [{"id": representation["id"], "payment": None}]
    assert response["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
