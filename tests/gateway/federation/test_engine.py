"""The engine's door: request errors, introspection, failures, fallbacks, sharing, subscriptions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.federation import (
    Breaker,
    Constant,
    Engine,
    EngineSettings,
    Field,
    GraphQLRequest,
    InProcessTransport,
    LastGood,
    Policies,
    Policy,
    RequestRefused,
    Subgraph,
    SubgraphRequest,
    SubgraphStatus,
    SupergraphError,
)
from tests.gateway.federation import shop
from tests.gateway.federation.features import FEATURES
from tests.gateway.federation.simulator import Simulation, supergraph_sdl

JOIN = FEATURES[0]


async def ask(engine: Engine, query: str, **more: Any) -> Any:
    return msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, **more)))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (GraphQLRequest(query=""), "BAD_REQUEST"),
        (GraphQLRequest(query="{ users "), "GRAPHQL_PARSE_FAILED"),
        (GraphQLRequest(query="{ nobody }"), "GRAPHQL_VALIDATION_FAILED"),
        (GraphQLRequest(query="{ users { ...F } } fragment F on User { ...F }"), "GRAPHQL_VALIDATION_FAILED"),
        (GraphQLRequest(query="query A { users { id } } query B { users { id } }"), "OPERATION_RESOLUTION_FAILURE"),
        (GraphQLRequest(query="query A { users { id } }", operation_name="B"), "OPERATION_RESOLUTION_FAILURE"),
        (GraphQLRequest(query="query ($n: Boolean!) { users { id @skip(if: $n) } }"), "BAD_USER_INPUT"),
        (GraphQLRequest(query="{ users { id } }", variables=b"[1]"), "BAD_REQUEST"),
        (GraphQLRequest(query="{ users { id } }", variables=b"{"), "BAD_REQUEST"),
    ],
)
async def test_requests_that_cannot_begin_are_told_apart(request_: GraphQLRequest, code: str) -> None:
    simulation = JOIN.simulation()
    response = await simulation.engine().execute_detailed(request_)
    assert response.kind == "request_error"
    body = msgspec.json.decode(response.body)
    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] == code
    assert simulation.requests == []


async def test_introspection_is_answered_from_the_public_schema() -> None:
    engine = JOIN.simulation().engine()
    answer = await ask(
        engine, '{ __typename __type(name: "User") { fields { name } } x: __type(name: "join__Graph") { name } }'
    )
    names = [field["name"] for field in answer["data"]["__type"]["fields"]]
    assert answer["data"]["__typename"] == "Query"
    assert names == ["id", "name", "email"]
    assert answer["data"]["x"] is None


async def test_introspection_can_be_turned_off() -> None:
    engine = JOIN.simulation().engine(EngineSettings(introspection=False))
    assert (
        await engine.execute_detailed(GraphQLRequest(query="{ __schema { types { name } } }"))
    ).kind == "request_error"


def test_inaccessible_elements_are_not_public() -> None:
    body = """
    type Query @join__type(graph: A) { user(id: ID!, secret: Int @inaccessible): User hidden: Hidden @inaccessible }
    type User @join__type(graph: A, key: "id") { id: ID! token: String @inaccessible }
    type Hidden @join__type(graph: A) @inaccessible { id: ID }
    """
    engine = Engine(supergraph_sdl("a", body), transports={})
    types = engine.api_sdl[engine.api_sdl.index("type Query") :]
    assert types.split() == [
        "type",
        "Query",
        "{",
        "user(id:",
        "ID!):",
        "User",
        "}",
        "type",
        "User",
        "{",
        "id:",
        "ID!",
        "}",
    ]
    with pytest.raises(RequestRefused):
        engine.plan("{ user(id: 1) { token } }")


def test_what_is_no_supergraph_is_refused() -> None:
    for sdl in ("type Query {", "type Query { a: Int }"):
        with pytest.raises(SupergraphError):
            Engine(sdl, transports={})
    with pytest.raises(SupergraphError):
        Engine(JOIN.simulation().sdl, transports={"nobody": InProcessTransport(lambda request: asyncio.sleep(0, {}))})


async def test_what_arrived_is_served_when_a_subgraph_is_down() -> None:
    """Every missing field has its error, at its path; the rest of the answer is there."""
    simulation = JOIN.simulation()
    simulation.down = {"b"}
    answer = await ask(simulation.engine(), "{ users { name mail: email } }")
    assert [user and user["name"] for user in answer["data"]["users"]] == ["Ana", "Bia", "Ana", None]
    assert [user and user["mail"] for user in answer["data"]["users"]] == [None] * 4
    assert [error["path"] for error in answer["errors"]] == [
        ["users", 0, "mail"],
        ["users", 2, "mail"],
        ["users", 1, "mail"],
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SUBGRAPH_UNAVAILABLE"}


async def test_the_messages_of_unexpected_errors_are_masked() -> None:
    store = shop.make_store()
    store["objects"][0]["email"] = RuntimeError("password=hunter2")
    simulation = Simulation(shop.SDL, store)
    masked = await simulation.engine().execute(GraphQLRequest(query="{ me { name email } }"))
    open_ = await simulation.engine(EngineSettings(mask_errors=False)).execute(GraphQLRequest(query="{ me { email } }"))
    assert b"hunter2" not in masked
    assert b"hunter2" in open_


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"data": 3}', b"{}", b'{"data": {"users": 7}}', b"[" * 5_000]
)
async def test_malformed_answers_become_errors(body: bytes) -> None:
    async def garbage(request: SubgraphRequest) -> bytes:
        return body

    engine = Engine(JOIN.simulation().sdl, transports={"a": InProcessTransport(garbage)})
    answer = await ask(engine, "{ users { name } }")
    assert answer["data"] == {"users": None}
    assert answer["errors"][0]["path"] == ["users"]


async def test_a_fallback_stands_in_and_says_so() -> None:
    simulation = JOIN.simulation()
    simulation.down = {"b"}
    policies = Policies({Field("User.email"): Policy(fallback=Constant("-", source="none"))})
    answer = await ask(simulation.engine(policies=policies), "{ users { email } }")
    assert "errors" not in answer
    assert answer["data"]["users"] == [{"email": "-"}, {"email": "-"}, {"email": "-"}, None]
    assert {"path": ["users", 1, "email"], "source": "none", "reason": "SUBGRAPH_UNAVAILABLE"} in answer["extensions"][
        "degraded"
    ]


async def test_the_last_good_value_is_kept_for_each_identity() -> None:
    simulation = JOIN.simulation()
    engine = simulation.engine(policies=Policies({Field("User.email"): Policy(fallback=LastGood(60))}))
    before = await ask(engine, "{ users { email } }", identity="ana")
    simulation.down = {"b"}
    assert (await ask(engine, "{ users { email } }", identity="ana"))["data"] == before["data"]
    assert "errors" in await ask(engine, "{ users { email } }", identity="bia")


async def test_a_fallback_hides_no_refusal() -> None:
    simulation = JOIN.simulation()

    async def refuse(request: SubgraphRequest) -> bytes:
        raise SubgraphStatus(403)

    transports = {"a": InProcessTransport(simulation._caller("A")), "b": InProcessTransport(refuse)}
    policies = Policies({Subgraph("b"): Policy(fallback=Constant("-"))})
    answer = await ask(Engine(simulation.sdl, transports=transports, policies=policies), "{ users { email } }")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "extensions" not in answer


class Flaky:
    """Fails as often as told, then answers; counts."""

    def __init__(self, failures: int, delay: float = 0.0) -> None:
        self.failures = failures
        self.calls = 0
        self.cancelled = 0
        self.delay = delay

    async def __call__(self, request: SubgraphRequest) -> dict[str, Any]:
        self.calls += 1
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.calls <= self.failures:
            raise ConnectionError
        return {"data": {"first": 1, "users": []}}


def single(flaky: Flaky, policy: Policy, **settings: Any) -> Engine:
    feature = next(feature for feature in FEATURES if feature.name == "mutations_in_series")
    body = feature.body.replace("none: Int", "users: [Int]")
    return Engine(
        supergraph_sdl("a b", body, "mutation: Mutation"),
        transports={"a": InProcessTransport(flaky)},
        policies=Policies({Subgraph("a"): policy}),
        settings=EngineSettings(**settings),
    )


async def test_queries_are_tried_again_and_mutations_only_with_a_key() -> None:
    query = Flaky(1)
    assert "errors" not in await ask(single(query, Policy(retries=2)), "{ users }")
    assert query.calls == 2
    bare = Flaky(1)
    assert "errors" in await ask(single(bare, Policy(retries=2)), "mutation { first }")
    assert bare.calls == 1
    keyed = Flaky(1)
    answer = await ask(single(keyed, Policy(retries=2)), "mutation { first }", headers={"Idempotency-Key": "k"})
    assert answer == {"data": {"first": 1}}


async def test_a_slow_subgraph_costs_its_timeout_and_no_more() -> None:
    slow = Flaky(0, delay=600)
    answer = await ask(single(slow, Policy(timeout=0.05)), "{ users }")
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"
    assert slow.cancelled == 1


async def test_an_open_breaker_lets_nothing_through() -> None:
    down = Flaky(100)
    engine = single(down, Policy(breaker=Breaker(failures=2, reset=60)))
    codes = [(await ask(engine, "{ users }"))["errors"][0]["extensions"]["code"] for _ in range(4)]
    assert codes == ["SUBGRAPH_UNAVAILABLE"] * 2 + ["SUBGRAPH_REJECTED"] * 2
    assert down.calls == 2


async def test_a_hedge_overtakes_a_slow_query_but_no_mutation_is_hedged() -> None:
    flaky = Flaky(0, delay=0.2)
    await ask(single(flaky, Policy(hedge=0.02)), "{ users }")
    assert flaky.calls == 2
    mutation = Flaky(0, delay=0.1)
    await ask(single(mutation, Policy(hedge=0.02)), "mutation { first }")
    assert mutation.calls == 1


async def test_equal_queries_in_flight_are_shared_within_one_identity() -> None:
    flaky = Flaky(0, delay=0.02)
    engine = single(flaky, Policy())
    await asyncio.gather(*(ask(engine, "{ users }", identity="ana") for _ in range(5)))
    assert flaky.calls == 1
    await asyncio.gather(ask(engine, "{ users }", identity="ana"), ask(engine, "{ users }", identity="bia"))
    assert flaky.calls == 3


async def test_cancelling_the_last_waiter_cancels_the_fetch() -> None:
    flaky = Flaky(0, delay=5)
    engine = single(flaky, Policy())
    waiting = [asyncio.ensure_future(ask(engine, "{ users }")) for _ in range(2)]
    await asyncio.sleep(0.02)
    waiting[0].cancel()
    await asyncio.sleep(0.01)
    assert flaky.cancelled == 0
    waiting[1].cancel()
    await asyncio.sleep(0.01)
    assert flaky.cancelled == 1


async def test_events_of_a_subscription_are_joined() -> None:
    body = """
    type Query @join__type(graph: A) @join__type(graph: B) { none: Int @join__field(graph: A) }
    type Subscription @join__type(graph: A) { changed(id: ID!): User }
    type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
      id: ID! name: String @join__field(graph: B)
    }
    """

    async def events(request: SubgraphRequest) -> AsyncIterator[dict[str, Any]]:
        assert msgspec.json.decode(request.variables) == {"id": "7"}
        for name in ("1", "2"):
            yield {"data": {"changed": {"id": name}}}

    async def names(request: SubgraphRequest) -> dict[str, Any]:
        sent = msgspec.json.decode(request.variables)["representations"]
        return {"data": {"_entities": [{"name": "n" + entity["id"]} for entity in sent]}}

    engine = Engine(
        supergraph_sdl("a b", body, "subscription: Subscription"),
        transports={"a": InProcessTransport(names, events), "b": InProcessTransport(names)},
    )
    request = GraphQLRequest(query="subscription ($id: ID!) { changed(id: $id) { name } }", variables={"id": "7"})
    got = [msgspec.json.decode(event) async for event in engine.subscribe(request)]
    assert got == [{"data": {"changed": {"name": "n1"}}}, {"data": {"changed": {"name": "n2"}}}]
    assert engine.operation_kind(request.query) == "subscription"
    with pytest.raises(RequestRefused):
        async for _ in engine.subscribe(GraphQLRequest(query="subscription { nothing }")):
            pass
