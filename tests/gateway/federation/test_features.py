"""Each feature of Federation: the plan as text (in `plans/`), and the answer as the monolith gives it.

`UPDATE_PLANS=1` writes the plan files anew; review them as a diff.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.federation import EngineSettings, GraphQLRequest, RequestRefused
from tests.gateway.federation.feature import Feature, Refusal
from tests.gateway.federation.features import FEATURES, REFUSALS

PLANS = Path(__file__).parent / "plans"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
async def test_plan_and_answer(feature: Feature) -> None:
    simulation = feature.simulation()
    engine = feature.engine(simulation)

    plan = engine.plan(feature.query, variables=feature.variables)
    body = await engine.execute(GraphQLRequest(query=feature.query, variables=feature.variables))

    path = PLANS / f"{feature.name}.txt"
    text = f"# {feature.shows}\n{feature.query}\n\n{plan}\n"
    if os.environ.get("UPDATE_PLANS"):
        PLANS.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
    assert (plan.fetches, plan.rounds) == (feature.fetches, feature.rounds)
    expected = simulation.monolith(engine.api_schema, feature.query, feature.variables).formatted
    if "errors" not in expected:
        assert len(simulation.requests) == feature.fetches
        # As text: the order of the fields is part of the answer.
        assert body == msgspec.json.encode(expected)
    else:
        answer = msgspec.json.decode(body)
        assert msgspec.json.encode(answer["data"]) == msgspec.json.encode(expected["data"])
        assert _paths(answer) == ([] if feature.silent else _paths(expected))


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
async def test_both_ways_ask_the_same(feature: Feature) -> None:
    """What has been asked on the quick way counts when the careful one has to take over."""
    asked = []
    for quick in (True, False):
        simulation = feature.simulation()
        engine = simulation.engine(EngineSettings(override_labels=feature.labels), quick=quick)
        await engine.execute(GraphQLRequest(query=feature.query, variables=feature.variables))
        asked.append(sorted((request.service, request.body) for request in simulation.requests))
    assert asked[0] == asked[1]


def _paths(answer: Any) -> list[Any]:
    return sorted((error["path"] for error in answer.get("errors", ())), key=str)


def test_every_plan_file_belongs_to_a_feature() -> None:
    names = [feature.name for feature in FEATURES]
    assert sorted(names) == sorted(path.stem for path in PLANS.iterdir())


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.shows)
def test_what_clients_may_not_ask_is_refused_before_anyone_is_asked(refusal: Refusal) -> None:
    simulation = refusal.feature.simulation()
    with pytest.raises(RequestRefused, match=refusal.said):
        simulation.engine().plan(refusal.query)
    assert simulation.requests == []


def test_equal_operations_have_equal_plans() -> None:
    """Plans are values."""
    first, second = (FEATURES[0].simulation().engine().plan(FEATURES[0].query) for _ in range(2))
    assert first == second
    assert first != FEATURES[0].simulation().engine().plan("{ users { name } }")


async def test_equal_representations_are_sent_once() -> None:
    simulation = FEATURES[0].simulation()
    await simulation.engine().execute(GraphQLRequest(query="{ users { email } }"))
    sent = msgspec.json.decode(simulation.requests[1].variables)["representations"]
    assert sent == [{"__typename": "User", "id": "1"}, {"__typename": "User", "id": "2"}]


def test_a_progressive_override_follows_its_label() -> None:
    """`percent(10)` is off unless the operator of the engine turns it on."""
    feature = next(feature for feature in FEATURES if feature.name == "override")
    engine = feature.simulation().engine(EngineSettings(override_labels=frozenset({"percent(10)"})))
    assert engine.plan("{ user { name } }").fetches == 2
    assert feature.simulation().engine().plan("{ user { name } }").fetches == 1
