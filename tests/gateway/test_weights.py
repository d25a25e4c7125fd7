"""Costly fields weigh: how many of them one operation may ask for, counted through lists, fragments and variables."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import gateway
from gateway.federation import Engine, EngineSettings, GraphQLRequest, InProcessTransport, Limits, SubgraphRequest
from gateway.weights import COST, SIZES, WEIGHTS

SDL = (Path(gateway.__file__).parent / "supergraph.graphql").read_text(encoding="utf-8")
SERVICES = ("ticketing", "concessions", "customers", "payments", "notifications", "suggestions", "experience")
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Reservation { suggestions { id } } } }"
PAGE = "query ($n: Int!) { me { reservations(first: $n) { edges { node { suggestions { id } } } } } }"


async def ask(query: str, variables: dict[str, Any] | None = None) -> tuple[Any, int]:
    """The answer, and how often a service was asked."""
    asked = 0

    async def answer(_: SubgraphRequest) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"data": None, "errors": [{"message": "no"}]}

    limits = Limits(cost=COST, weights=WEIGHTS, sizes=SIZES)
    transports = dict.fromkeys(SERVICES, InProcessTransport(answer))
    engine = Engine(SDL, transports=transports, settings=EngineSettings(limits=limits))
    request = GraphQLRequest(query=query, variables=variables or {})
    return msgspec.json.decode(await engine.execute(request)), asked


def codes(many: int) -> str:
    return " ".join(f"q{number}: qrCodeSvg" for number in range(many))


REFUSED: list[tuple[str, dict[str, Any]]] = [
    (f'{{ node(id: "t") {{ ... on Ticket {{ {codes(100)} }} }} }}', {}),
    (f'{{ node(id: "t") {{ ...T }} }} fragment T on Ticket {{ {codes(100)} }}', {}),
    (f'{{ a: node(id: "t") {{ ...T }} b: node(id: "u") {{ ...T }} }} fragment T on Ticket {{ {codes(31)} }}', {}),
    (NODES, {"ids": ["r"] * 61}),
    (PAGE, {"n": 100}),
    (f'{{ nodes(ids: ["a", "b"]) {{ ... on Ticket {{ {codes(31)} }} }} }}', {}),
    (
        (
            "{ me { reservations { edges { node { a: suggestions { id } b: suggestions { id } c: suggestions { id } "
            "d: suggestions { id } } } } } }"
        ),
        {},
    ),
]


@pytest.mark.parametrize(("query", "variables"), REFUSED)
async def test_what_costs_too_much_is_refused_and_nobody_is_asked(query: str, variables: dict[str, Any]) -> None:
    answer, asked = await ask(query, variables)
    assert asked == 0
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "OPERATION_TOO_COMPLEX"
    assert "costs" in error["message"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f'{{ node(id: "t") {{ ... on Ticket {{ {codes(60)} }} }} }}', {}),
        (NODES, {"ids": ["r"] * 50}),
        (PAGE, {"n": 50}),
        (PAGE, {"n": -5}),
        ("{ me { name reservations(first: 100) { edges { node { status } } } } }", {}),
    ],
)
async def test_what_people_need_is_allowed(query: str, variables: dict[str, Any]) -> None:
    _, asked = await ask(query, variables)
    assert asked > 0


def test_what_is_weighed_is_in_the_schema() -> None:
    schema: Any = Engine(SDL, transports={}).api_schema
    for coordinate in WEIGHTS:
        owner, _, name = coordinate.partition(".")
        assert name in schema.type_map[owner].fields
    for coordinate, argument in SIZES.items():
        owner, _, name = coordinate.partition(".")
        assert argument in schema.type_map[owner].fields[name].args


async def test_fragments_that_spread_one_another_many_times_cost_no_time() -> None:
    """Each doubles the one before: sixty-four of a field, counted in six steps."""
    spread = "\n".join(f"fragment F{n} on Ticket {{ ...F{n + 1} ...F{n + 1} }}" for n in range(6))
    query = '{ node(id: "t") { ...F0 } }\n' + spread + "\nfragment F6 on Ticket { qrCodeSvg }"
    answer, asked = await ask(query)
    assert asked == 0
    assert "costs 640" in answer["errors"][0]["message"]
