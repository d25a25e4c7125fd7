"""`suggest` and what became of its suggestions, on DynamoDB."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.sdl import sdl, sdl_path
from subgraphs.suggestions.domain.items import Item, ItemType, Occasion
from subgraphs.suggestions.domain.suggestion import KEPT_FOR, Reason, Suggestion
from subgraphs.suggestions.resources import Resources
from subgraphs.suggestions.settings import Settings
from tests.subgraphs.suggestions.conftest import SUGGEST, Service, items_of, question

ENTITIES = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
  __typename ... on Suggestion { status reason item { __typename ... on Product { id } ... on Event { id } } } } }"""


def products(number: int) -> list[tuple[str, UUID]]:
    return [("PRODUCT", uuid4()) for _ in range(number)]


def metric_lines(capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("{") and "SuggestionRequests" in line:
            yield json.loads(line)


async def entity(service: Service, customer: UUID | None, suggestion_id: str) -> Any:
    representations = [{"__typename": "Suggestion", "id": suggestion_id}]
    answer = await service(ENTITIES, {"representations": representations}, customer=customer)
    assert "errors" not in answer, answer
    return answer["data"]["_entities"][0]


def test_the_committed_sdl_is_what_the_code_says() -> None:
    assert sdl_path("suggestions").read_text(encoding="utf-8") == sdl("suggestions")


async def test_only_candidates_are_suggested_and_what_nobody_bought_comes_by_default(service: Service) -> None:
    candidates = [("PRODUCT", uuid4()), ("EVENT", uuid4()), ("PRODUCT", uuid4())]
    shown = await service.suggest(uuid4(), candidates)
    expected = {("Product" if type_ == "PRODUCT" else "Event", id_) for type_, id_ in candidates}
    assert set(items_of(shown)) == expected
    assert {one["reason"] for one in shown} == {"DEFAULT"}
    assert len({one["id"] for one in shown}) == 3


async def test_every_request_is_counted_even_one_without_candidates(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await service.suggest(uuid4(), []) == []
    await service.suggest(uuid4(), products(1))
    assert [line["SuggestionRequests"] for line in metric_lines(capsys)] == [1, 1]


async def test_what_was_suggested_is_an_entity_of_its_customer_alone(service: Service) -> None:
    customer, wanted = uuid4(), products(1)
    (shown,) = await service.suggest(customer, wanted)
    mine = await entity(service, customer, shown["id"])
    assert mine["status"] == "SHOWN"
    assert mine["item"] == shown["item"]
    assert await entity(service, uuid4(), shown["id"]) is None
    assert await entity(service, None, shown["id"]) is None
    assert await entity(service, customer, global_id.encode("Suggestion", uuid4())) is None
    assert await entity(service, customer, "garbage") is None


async def test_more_entities_than_one_read_takes_are_found(service: Service) -> None:
    customer = uuid4()
    pages = await asyncio.gather(*(service.suggest(customer, products(20), first=20) for _ in range(6)))
    representations = [{"__typename": "Suggestion", "id": one["id"]} for page in pages for one in page]
    answer = await service(ENTITIES, {"representations": representations}, customer=customer)
    assert [one["item"] for one in answer["data"]["_entities"]] == [one["item"] for page in pages for one in page]


@pytest.mark.parametrize(
    "change",
    [
        {"first": 0},
        {"first": 21},
        {"candidates": [{"type": "PRODUCT", "id": "1; DROP"}]},
        {"candidates": [{"type": "PRODUCT", "id": str(uuid4())}] * 101},
        {"context": {"eventKind": "kind#all"}},
        {"context": {"venueId": "garbage"}},
        {"history": [{"type": "EVENT", "id": str(uuid4()), "quantity": 0, "at": "2026-01-01T00:00:00Z"}]},
        {"history": [{"type": "EVENT", "id": str(uuid4()), "quantity": 1, "at": "2026-01-01T00:00:00Z"}] * 101},
    ],
)
async def test_a_question_out_of_its_bounds_is_refused(service: Service, change: dict[str, Any]) -> None:
    variables = question(products(1))
    variables["input"] |= change
    answer = await service(SUGGEST, variables, customer=uuid4())
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_only_the_gateway_may_ask_and_only_for_a_customer(service: Service) -> None:
    variables = question(products(1))
    for asked in (
        await service(SUGGEST, variables, customer=uuid4(), caller="workers"),
        await service(SUGGEST, variables, customer=None),
    ):
        assert asked["data"] is None
        assert asked["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_without_a_service_token_nothing_is_answered(service: Service) -> None:
    response = await service.client.post("/graphql", json={"query": "{ __typename }"})
    assert response.status_code == 401


async def test_an_accepted_suggestion_is_recorded_and_makes_its_item_more_popular(service: Service) -> None:
    customer, candidates, kind = uuid4(), products(3), f"K{uuid4().hex[:8].upper()}"
    shown = await service.suggest(customer, candidates, context={"eventKind": kind})
    answer = await service.feedback(customer, shown[2]["id"], "ACCEPTED")
    assert answer["errors"] == []
    assert answer["suggestion"]["status"] == "ACCEPTED"
    assert (await entity(service, customer, shown[2]["id"]))["status"] == "ACCEPTED"
    (best, *_) = await service.suggest(uuid4(), candidates, context={"eventKind": kind})
    assert (best["item"], best["reason"]) == (shown[2]["item"], "POPULAR")


async def test_the_same_outcome_again_is_the_same_answer_and_counts_once(
    service: Service, resources: Resources
) -> None:
    customer, candidates = uuid4(), products(1)
    (shown,) = await service.suggest(customer, candidates)
    answers = await asyncio.gather(*(service.feedback(customer, shown["id"], "ACCEPTED") for _ in range(4)))
    assert all(answer == answers[0] and not answer["errors"] for answer in answers)
    item = Item(ItemType.PRODUCT, candidates[0][1])
    assert await resources.signals.popularity(["all"], [item]) == {"all": {item: 1}}


async def test_another_outcome_comes_too_late(service: Service) -> None:
    customer = uuid4()
    (shown,) = await service.suggest(customer, products(1))
    await service.feedback(customer, shown["id"], "IGNORED")
    answer = await service.feedback(customer, shown["id"], "ACCEPTED")
    assert answer["suggestion"] is None
    assert answer["errors"][0]["code"] == "INVALID_STATE"
    assert (await entity(service, customer, shown["id"]))["status"] == "IGNORED"


async def test_a_foreign_a_missing_and_a_malformed_suggestion_are_not_found_alike(service: Service) -> None:
    customer = uuid4()
    (shown,) = await service.suggest(customer, products(1))
    answers = [
        await service.feedback(uuid4(), shown["id"], "ACCEPTED"),
        await service.feedback(customer, global_id.encode("Suggestion", uuid4()), "ACCEPTED"),
        await service.feedback(customer, global_id.encode("Product", uuid4()), "ACCEPTED"),
        await service.feedback(customer, "garbage", "ACCEPTED"),
    ]
    not_found = {
        "suggestion": None,
        "errors": [{"code": "NOT_FOUND", "message": "Not found.", "field": "suggestionId"}],
    }
    assert answers == [not_found] * 4
    assert (await entity(service, customer, shown["id"]))["status"] == "SHOWN"


async def test_feedback_of_nobody_is_unauthenticated(service: Service) -> None:
    answer = await service.feedback(None, global_id.encode("Suggestion", uuid4()), "ACCEPTED")
    assert answer["errors"][0]["code"] == "UNAUTHENTICATED"


async def test_what_a_customer_rejected_is_not_shown_to_them_again_but_to_others(service: Service) -> None:
    customer, candidates = uuid4(), products(2)
    shown = await service.suggest(customer, candidates)
    await service.feedback(customer, shown[0]["id"], "REJECTED")
    again = await service.suggest(customer, candidates)
    assert [one["item"] for one in again] == [shown[1]["item"]]
    assert len(await service.suggest(uuid4(), candidates)) == 2


# DynamoDB removes an expired item hours later; until then it has to look gone.
async def test_an_expired_suggestion_is_gone_before_dynamodb_removes_it(service: Service, resources: Resources) -> None:
    customer = uuid4()
    old = Suggestion(
        id=uuid4(),
        customer_id=customer,
        item=Item(ItemType.PRODUCT, uuid4()),
        reason=Reason.POPULAR,
        occasion=Occasion(),
        shown_at=datetime.now(UTC) - KEPT_FOR - timedelta(seconds=2),
    )
    await resources.suggestions.add([old])
    suggestion_id = global_id.encode("Suggestion", old.id)
    assert await entity(service, customer, suggestion_id) is None
    assert (await service.feedback(customer, suggestion_id, "ACCEPTED"))["errors"][0]["code"] == "NOT_FOUND"


async def test_everything_that_is_stored_expires(
    service: Service, aws: Aws, settings: Settings, resources: Resources
) -> None:
    customer, reservation = uuid4(), uuid4()
    shown = await service.suggest(customer, products(2), context={"reservationId": reservation, "venueId": uuid4()})
    await service.feedback(customer, shown[0]["id"], "ACCEPTED")
    await service.feedback(customer, shown[1]["id"], "REJECTED")
    now = datetime.now(UTC).timestamp()
    for table in (settings.suggestions_table, settings.signals_table):
        records = aws.client("dynamodb").scan(TableName=table)["Items"]
        assert records
        fresh = [record for record in records if record.get("customer_id", {}).get("S") == str(customer)]
        assert all(int(record["expires_at"]["N"]) > now for record in fresh)
        assert all("expires_at" in record for record in records)


async def test_a_store_that_is_away_is_a_fault_without_its_details(settings: Settings, service: Service) -> None:
    gone = {**question(products(1))}
    service.client._transport.app.state.running.resources.suggestions._table = "no-such-table"  # type: ignore[attr-defined]
    answer = await service(SUGGEST, gone, customer=uuid4())
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "no-such-table" not in json.dumps(answer)
