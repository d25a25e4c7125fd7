"""One subgraph in process, behind the door, behind a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest

from gateway.federation import Engine, InProcessTransport, SubgraphRequest
from gateway.http import Caller, DoorLimits, GraphQLDoor, NotAuthenticated
from tests.gateway.serving import serve

SUPERGRAPH = """
schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {
  query: Query mutation: Mutation subscription: Subscription
}
enum join__Graph { A @join__graph(name: "a", url: "http://a.test/") }
type Query @join__type(graph: A) { greeting(name: String, times: Int): String who: String language: String }
type Mutation @join__type(graph: A) { touch: Int }
type Subscription @join__type(graph: A) { ticks(last: Int!): Int forever: Int }
"""
LIMITS = DoorLimits(
    body_bytes=2_000,
    body_seconds=0.5,
    request_seconds=2.0,
    streams=3,
    anonymous_streams=3,
    arriving_streams=5,
    streams_per_address=5,
    streams_per_caller=2,
    idle_seconds=30.0,
    keep_alive_seconds=0.1,
    init_seconds=0.3,
    message_bytes=1_000,
    operations_per_socket=2,
)


@dataclass
class Behind:
    """What reached the subgraph, which of its streams were ended, and which of its answers nobody waited for.

    While `held` is set, greetings and touches are not answered; `done` when one of these is after all.
    """

    requests: list[SubgraphRequest] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None

    async def answer(self, request: SubgraphRequest) -> dict[str, Any]:
        self.requests.append(request)
        self.asked.set()
        if self.held is not None and ("greeting" in request.query or "touch" in request.query):
            try:
                await self.held.wait()
            except asyncio.CancelledError:
                self.given_up.set()
                raise
            self.done.set()
        given = msgspec.json.decode(request.variables or b"{}")
        values = {
            "greeting": f"Olá, {given.get('name') or 'mundo'}",
            "who": request.identity,
            "language": request.headers.get("Accept-Language"),
            "touch": 1,
        }
        return {"data": {name: value for name, value in values.items() if name in request.query}}

    async def events(self, request: SubgraphRequest) -> AsyncIterator[dict[str, Any]]:
        self.requests.append(request)
        if "ticks" in request.query:
            for number in range(2):
                yield {"data": {"ticks": number + 1}}
            return
        try:
            yield {"data": {"forever": 1}}
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def authenticate(authorization: str | None) -> Caller:
    """`Bearer ana` is Ana; `Bearer brief` is somebody for half a second; anything else is refused."""
    match authorization:
        case None:
            return Caller()
        case "Bearer ana":
            return Caller("ana", time.time() + 60)
        case "Bearer brief":
            return Caller("brief", time.time() + 0.5)
        case "Bearer later":
            raise NotAuthenticated("Tokens cannot be verified at the moment.", status=503)
    raise NotAuthenticated("The access token is not valid.")


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def address(behind: Behind) -> AsyncIterator[str]:
    engine = Engine(SUPERGRAPH, transports={"a": InProcessTransport(behind.answer, behind.events)})
    async with serve(GraphQLDoor(engine, authenticate, limits=LIMITS), lifespan="off") as at:
        yield at


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=60) as http:
        yield http
