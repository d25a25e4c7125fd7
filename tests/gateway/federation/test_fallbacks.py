"""What stands in for a field that was not brought: under the names that were asked for, and completed by others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.federation import (
    Constant,
    Engine,
    FallbackContext,
    Field,
    GraphQLRequest,
    LastGood,
    Policies,
    Policy,
    Subgraph,
    SubgraphRequest,
    SubgraphUnavailable,
)
from tests.gateway.federation.simulator import Simulation, supergraph_sdl

SDL = supergraph_sdl(
    "a b c",
    """
    type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
      me: User @join__field(graph: A)
      top: Pick @join__field(graph: B)
    }
    type Mutation @join__type(graph: A) { touch: User }
    type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
      id: ID
      picks(first: Int): [Pick!]! @join__field(graph: B)
    }
    type Pick @join__type(graph: B) { why: String item: Item }
    union Item @join__type(graph: B) @join__unionMember(graph: B, member: "Thing")
      @join__unionMember(graph: B, member: "Spot") = Thing | Spot
    type Thing @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
      id: ID
      label: String @join__field(graph: C)
    }
    type Spot @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
      id: ID
      label: String @join__field(graph: C)
    }
    """,
    "mutation: Mutation",
)
STORE = {
    "Query": {"me": {"__typename": "User", "id": "u1"}},
    "Mutation": {"touch": {"__typename": "User", "id": "u1"}},
    "objects": [
        {"__typename": "Thing", "id": "t1", "label": "a thing"},
        {"__typename": "Spot", "id": "s1", "label": "a spot"},
        {"__typename": "User", "id": "u1"},
    ],
}
PICKS = [
    {"__typename": "Pick", "why": "popular", "item": {"__typename": "Thing", "id": "t1"}},
    {"__typename": "Pick", "why": "near", "item": {"__typename": "Spot", "id": "s1"}},
    {"__typename": "Pick", "why": "odd", "item": None},
]


class Picks:
    """As many as were asked for; keeps what it was told."""

    source = "picks"

    def __init__(self) -> None:
        self.arguments: list[Any] = []

    async def value(self, context: FallbackContext) -> Any:
        self.arguments.append(dict(context.arguments))
        return PICKS[: context.arguments.get("first", 3)]


def make_engine(fallback: Any) -> tuple[Engine, Simulation]:
    simulation = Simulation(SDL, STORE)
    declared: dict[Subgraph | Field, Policy] = {
        Field("User.picks"): Policy(fallback=fallback),
        Field("Query.top"): Policy(fallback=Constant(PICKS[0])),
    }
    simulation.down = {"b"}
    return simulation.engine(policies=Policies(declared)), simulation


async def ask(engine: Engine, query: str, **more: Any) -> Any:
    return msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, **more)))


async def test_names_are_those_that_were_asked_for_and_others_complete_it() -> None:
    """The fallback knows the schema alone: neither aliases nor who has the rest."""
    engine, _ = make_engine(Picks())
    query = """{ me { best: picks(first: 2) { reason: why item: why what: item {
      kind: __typename ... on Thing { ref: id name: label } ... on Spot { id label } } } } }"""
    answer = await ask(engine, query)
    assert "errors" not in answer
    assert answer["data"]["me"]["best"] == [
        {"reason": "popular", "item": "popular", "what": {"kind": "Thing", "ref": "t1", "name": "a thing"}},
        {"reason": "near", "item": "near", "what": {"kind": "Spot", "id": "s1", "label": "a spot"}},
    ]
    (entry,) = answer["extensions"]["degraded"]
    assert entry == {"path": ["me", "best"], "source": "picks", "reason": "SUBGRAPH_UNAVAILABLE"}


@pytest.mark.parametrize(
    ("query", "variables", "arguments"),
    [
        ("{ me { picks { why } } }", {}, [{}]),
        ("{ me { picks(first: 1) { why } } }", {}, [{"first": 1}]),
        ("query ($n: Int) { me { picks(first: $n) { why } } }", {"n": 2}, [{"first": 2}]),
        ("query ($n: Int) { me { picks(first: $n) { why } } }", {}, [{}]),
        ("{ me { one: picks(first: 1) { why } two: picks(first: 2) { why } } }", {}, [{"first": 1}, {"first": 2}]),
        ("{ a: me { picks(first: 1) { why } } b: me { picks(first: 2) { why } } }", {}, [{"first": 1}, {"first": 2}]),
    ],
)
async def test_a_fallback_is_told_the_arguments(query: str, variables: Any, arguments: list[Any]) -> None:
    picks = Picks()
    engine, _ = make_engine(picks)
    assert "errors" not in await ask(engine, query, variables=variables)
    assert picks.arguments == arguments


async def test_a_constant_stays_what_it_is() -> None:
    """What others bring is joined to the answer, never to the fallback."""
    engine, _ = make_engine(Constant(PICKS))
    before = msgspec.json.encode(PICKS)
    for _ in range(2):
        answer = await ask(engine, "{ me { picks { item { ... on Thing { label } } } } top { item { __typename } } }")
        assert answer["data"]["me"]["picks"][0] == {"item": {"label": "a thing"}}
        assert answer["data"]["top"] == {"item": {"__typename": "Thing"}}
    assert msgspec.json.encode(PICKS) == before


async def test_what_follows_a_mutation_may_fall_back_too() -> None:
    """What was done is done; a field of another service beside it is a query of its own."""
    engine, _ = make_engine(Picks())
    answer = await ask(engine, "mutation { touch { id picks(first: 1) { why } } }")
    assert answer["data"] == {"touch": {"id": "u1", "picks": [{"why": "popular"}]}}
    assert [entry["source"] for entry in answer["extensions"]["degraded"]] == ["picks"]


class Counting:
    """Tells each object's picks by the number asked for, until it is down."""

    down = False

    async def execute(self, request: SubgraphRequest) -> bytes:
        await asyncio.sleep(0)
        if self.down:
            raise SubgraphUnavailable("closed the connection")
        if "_entities" not in request.query:
            return b'{"data":{"a":{"__typename":"User","id":"u1"},"b":{"__typename":"User","id":"u1"}}}'
        return b'{"data":{"_e0":[{"picks":[{"why":"1"}]}],"_e1":[{"picks":[{"why":"2"}]}]}}'

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield b""


async def test_the_last_good_values_of_one_object_at_two_places_are_told_apart() -> None:
    """The same field of the same object, asked with other arguments in one request."""
    picks = Counting()
    policies = Policies({Field("User.picks"): Policy(fallback=LastGood(60))})
    engine = Engine(SDL, transports={"a": Counting(), "b": picks, "c": Counting()}, policies=policies)
    query = "{ a: me { picks(first: 1) { why } } b: me { picks(first: 2) { why } } }"
    before = await ask(engine, query)
    assert before["data"] == {"a": {"picks": [{"why": "1"}]}, "b": {"picks": [{"why": "2"}]}}
    picks.down = True
    after = await ask(engine, query)
    assert after["data"] == before["data"]
    assert len(after["extensions"]["degraded"]) == 2
