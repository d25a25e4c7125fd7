"""Policies of fields: what a fetch follows that brings them, and what cannot be declared."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.federation import (
    Breaker,
    Constant,
    Engine,
    Field,
    GraphQLRequest,
    InvalidPolicy,
    Policies,
    Policy,
    Subgraph,
    SubgraphRequest,
    SubgraphUnavailable,
)
from tests.gateway.federation.simulator import QUICK, supergraph_sdl

SDL = supergraph_sdl(
    "a b",
    """
    type Query @join__type(graph: A) { me: User quick: Int slow: Int }
    type Mutation @join__type(graph: A) { pay: User hold: Int }
    type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
      id: ID
      name: String @join__field(graph: A)
      score: Int @join__field(graph: B)
      rank: Rank @join__field(graph: B)
    }
    type Rank @join__type(graph: B) { place: Int of: Int }
    """,
    "mutation: Mutation",
)
ANSWERS = {
    "quick": 1,
    "slow": 2,
    "hold": 3,
    "me": {"id": "1", "name": "Ana"},
    "pay": {"id": "1", "name": "Ana"},
    "_entities": [{"score": 7, "rank": {"place": 1, "of": 2}}],
}


class Timed:
    """Answers everything, or fails; keeps the time that each call was allowed."""

    def __init__(self, down: bool = False, hangs: bool = False) -> None:
        self.allowed: list[float] = []
        self.down = down
        self.hangs = hangs

    async def execute(self, request: SubgraphRequest) -> bytes:
        self.allowed.append(request.timeout)
        if self.down:
            raise SubgraphUnavailable("closed the connection")
        if self.hangs and len(self.allowed) == 1:
            await asyncio.Event().wait()
        return msgspec.json.encode({"data": {name: ANSWERS[name] for name in ANSWERS if name in request.query}})

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield b""


def engine_of(declared: dict[Subgraph | Field, Policy], **subgraphs: Timed) -> Engine:
    return Engine(
        SDL,
        transports={name: subgraphs.get(name, Timed()) for name in "ab"},
        policies=Policies(declared),
        settings=QUICK,
    )


async def ask(engine: Engine, query: str, **more: Any) -> Any:
    return msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, **more)))


TIMES: dict[Subgraph | Field, Policy] = {
    Subgraph("a"): Policy(timeout=9),
    Subgraph("b"): Policy(timeout=8),
    Field("Query.quick"): Policy(timeout=1),
    Field("Query.slow"): Policy(timeout=20),
    Field("User.name"): Policy(timeout=3),
    Field("User.score"): Policy(attempt_timeout=2),
    Field("Rank.of"): Policy(timeout=1),
    Field("Mutation.hold"): Policy(timeout=4),
}


@pytest.mark.parametrize(
    ("query", "a", "b"),
    [
        ("{ quick }", [1], []),
        ("{ quick me { id } }", [1], []),
        ("{ me { id } }", [9], []),
        ("{ me { name } }", [3], []),  # at whatever depth
        ("{ slow }", [9], []),  # no field may take longer than its subgraph
        ("{ other: quick slow }", [1], []),
        ("{ me { id score } }", [9], [2]),
        ("{ me { id score rank { of } } }", [9], [1]),
        ("{ me { id rank { place } } }", [9], [8]),
        ("mutation { hold }", [4], []),
        ("mutation { pay { name score } }", [9], [2]),  # a mutation is not cut short for what it brings along
    ],
)
async def test_a_fetch_takes_the_shortest_time_of_what_it_brings(query: str, a: list[float], b: list[float]) -> None:
    first, second = Timed(), Timed()
    assert "errors" not in await ask(engine_of(TIMES, a=first, b=second), query)
    for service, expected in ((first, a), (second, b)):
        assert len(service.allowed) == len(expected)
        for allowed, most in zip(service.allowed, expected, strict=True):
            assert most - 0.9 < allowed <= most


@pytest.mark.parametrize(("query", "calls"), [("{ slow }", 4), ("{ quick }", 2), ("{ quick slow }", 2)])
async def test_and_the_fewest_retries(query: str, calls: int) -> None:
    service = Timed(down=True)
    declared: dict[Subgraph | Field, Policy] = {
        Subgraph("a"): Policy(retries=3),
        Field("Query.quick"): Policy(retries=1),
    }
    await ask(engine_of(declared, a=service), query)
    assert len(service.allowed) == calls


@pytest.mark.parametrize(("query", "calls"), [("{ quick }", 2), ("{ quick slow }", 2)])
async def test_and_the_soonest_hedge(query: str, calls: int) -> None:
    service = Timed(hangs=True)
    assert "errors" not in await ask(engine_of({Field("Query.quick"): Policy(hedge=0)}, a=service), query)
    assert len(service.allowed) == calls


async def test_whatever_a_field_declares_its_subgraphs_breaker_and_places_are_the_same() -> None:
    """What one field's calls have found out counts for the other's."""
    service = Timed(down=True)
    policy = Policy(breaker=Breaker(failures=2, reset=60), concurrency=1)
    engine = engine_of({Subgraph("a"): policy, Field("Query.quick"): Policy(timeout=1)}, a=service)
    for query in ("{ quick }", "{ slow }", "{ quick }", "{ slow }"):
        answer = await ask(engine, query)
    assert len(service.allowed) == 2
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_REJECTED"


async def test_a_field_can_have_a_fallback_and_a_time() -> None:
    service = Timed(hangs=True)
    declared: dict[Subgraph | Field, Policy] = {Field("User.score"): Policy(timeout=0.05, fallback=Constant(0))}
    answer = await ask(engine_of(declared, b=service), "{ me { name score } }")
    assert answer["data"] == {"me": {"name": "Ana", "score": 0}}
    (entry,) = answer["extensions"]["degraded"]
    assert entry == {"path": ["me", "score"], "source": "constant", "reason": "SUBGRAPH_TIMEOUT"}


@pytest.mark.parametrize(
    "policy",
    [
        Policy(breaker=Breaker()),
        Policy(concurrency=1),
        Policy(idempotency_argument="key"),
        Policy(resubscribe=1),
        Policy(timeout=1, concurrency=1),
    ],
)
def test_what_counts_for_a_subgraph_cannot_be_declared_for_a_field(policy: Policy) -> None:
    with pytest.raises(InvalidPolicy, match=r"belongs to a subgraph.*Query\.quick"):
        Policies({Field("Query.quick"): policy})


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (Subgraph("c"), "'c'"),
        (Field("Query.nothing"), r"'Query\.nothing'"),
        (Field("Nobody.name"), r"'Nobody\.name'"),
        (Field("name"), "'name'"),
        (Field("Query"), "'Query'"),
    ],
)
def test_a_policy_for_what_does_not_exist_is_refused_at_the_start(key: Subgraph | Field, named: str) -> None:
    with pytest.raises(InvalidPolicy, match=named):
        engine_of({key: Policy(timeout=1)})


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout", 0), ("timeout", -1), ("attempt_timeout", 0), ("retries", -1), ("concurrency", 0), ("hedge", -0.1)],
)
def test_numbers_that_cannot_be_meant_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidPolicy, match=name):
        Policy(**{name: value})
