"""A subscription whose connection breaks: when it is opened anew, how often, and when the failure is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import serve

from gateway.federation import (
    Engine,
    GraphQLRequest,
    HttpTransport,
    Policies,
    Policy,
    Subgraph,
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphRejected,
    SubgraphRequest,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from tests.gateway.federation.simulator import supergraph_sdl

SDL = supergraph_sdl(
    "a",
    "type Query @join__type(graph: A) { n: Int } type Subscription @join__type(graph: A) { n: Int }",
    "subscription: Subscription",
)
BROKEN = SubgraphUnavailable("closed the subscription's connection")


class Breaking:
    """Each subscription tells one event and ends as it is told to; the last way is that of all that follow."""

    def __init__(self, *ends: SubgraphFailure | None) -> None:
        self.ends = ends
        self.subscriptions = 0

    async def execute(self, request: SubgraphRequest) -> bytes:
        raise NotImplementedError

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        self.subscriptions += 1
        yield msgspec.json.encode({"data": {"n": self.subscriptions}})
        failure = self.ends[min(self.subscriptions, len(self.ends)) - 1]
        if failure is not None:
            raise failure


async def follow(transport: Any, resubscribe: float | None) -> list[Any]:
    policies = Policies({Subgraph("a"): Policy(resubscribe=resubscribe)})
    engine = Engine(SDL, transports={"a": transport}, policies=policies)
    request = GraphQLRequest(query="subscription { n }")
    return [msgspec.json.decode(event) async for event in engine.subscribe(request)]


async def test_it_is_opened_anew_until_it_ends_well() -> None:
    transport = Breaking(BROKEN, SubgraphStatus(503), None)
    assert await follow(transport, 30) == [{"data": {"n": number}} for number in (1, 2, 3)]


async def test_without_a_policy_the_first_break_ends_it() -> None:
    told, failed = await follow(Breaking(BROKEN), None)
    assert told == {"data": {"n": 1}}
    assert failed["errors"][0]["extensions"] == {"code": "SUBGRAPH_UNAVAILABLE", "service": "a"}


async def test_one_that_breaks_again_and_again_is_given_up() -> None:
    """That it can be opened for a moment is no success."""
    transport = Breaking(BROKEN)
    *told, failed = await asyncio.wait_for(follow(transport, 0.3), 20)
    assert len(told) == transport.subscriptions > 1
    assert failed["errors"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"


@pytest.mark.parametrize(
    "failure",
    [
        SubgraphStatus(403),
        SubgraphStatus(404),
        SubgraphMalformed("sent what is not JSON"),
        SubgraphTimeout("sent events faster than they were taken"),
        SubgraphRejected("carries too many subscriptions"),
    ],
)
async def test_what_would_only_fail_again_is_told_at_once(failure: SubgraphFailure) -> None:
    transport = Breaking(failure)
    _, failed = await follow(transport, 60)
    assert failed["errors"][0]["extensions"]["code"] == failure.code
    assert transport.subscriptions == 1


async def test_a_refusal_of_the_caller_is_told_apart_from_a_service_that_is_away() -> None:
    """A WebSocket that is refused with a status says why, as a request does."""
    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=_forbid) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        transport = HttpTransport(f"http://127.0.0.1:{port}/graphql")
        (failed,) = await follow(transport, 60)
        await transport.close()
    assert failed["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def _forbid(connection: Any, _: Any) -> Any:
    return connection.respond(403, "no")
