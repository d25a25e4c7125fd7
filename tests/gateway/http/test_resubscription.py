"""A status that is followed through the front door while its owner restarts: no change is missed.

The owner is a real service that speaks `graphql-transport-ws`, as the ticketing service does: the present state first,
then every change.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
import strawberry
from starlette.applications import Starlette
from strawberry.asgi import GraphQL
from websockets.asyncio.client import connect

from gateway.federation import (
    Engine,
    HttpTransport,
    InProcessTransport,
    Policies,
    Policy,
    Subgraph,
    SubgraphRequest,
)
from gateway.http import DoorLimits, GraphQLDoor
from tests.gateway.http.conftest import authenticate
from tests.gateway.serving import serve

SUPERGRAPH = """
schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query subscription: Subscription }
enum join__Graph {
  TICKETING @join__graph(name: "ticketing", url: "http://ticketing.test/")
  PAYMENTS @join__graph(name: "payments", url: "http://payments.test/")
}
type Query @join__type(graph: TICKETING) { now: String }
type Subscription @join__type(graph: TICKETING) { reservationStatus: Reservation noise: String }
type Reservation @join__type(graph: TICKETING, key: "id") @join__type(graph: PAYMENTS, key: "id") {
  id: ID!
  status: String @join__field(graph: TICKETING)
  paid: String @join__field(graph: PAYMENTS)
}
"""
FOLLOW = "subscription { reservationStatus { status paid } }"
Read = Callable[[], Any]


class Status:
    """The state of a reservation; outlives the service that tells it."""

    def __init__(self) -> None:
        self.now = "QUEUED"
        self.changed = asyncio.Condition()

    async def become(self, status: str) -> None:
        async with self.changed:
            self.now = status
            self.changed.notify_all()

    async def after(self, told: str | None) -> str:
        """The present state, as soon as it is another than `told`."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.now != told)
            return self.now


@dataclass
class Ticketing:
    """The service, which can be ended and begun again at the same address."""

    status: Status = field(default_factory=Status)
    sockets: int = 0
    noise_ended: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _running: AsyncExitStack | None = None

    async def begin(self) -> None:
        self._running = AsyncExitStack()
        address = await self._running.enter_async_context(serve(self._app(), "off", self.port))
        self.port = int(address.rpartition(":")[2])

    async def end(self) -> None:
        if self._running is not None:
            await self._running.aclose()
        self._running = None

    def _app(self) -> Any:
        status, noise_ended = self.status, self.noise_ended

        @strawberry.type
        class Reservation:
            id: strawberry.ID
            status: str

        @strawberry.type
        class Query:
            now: str = "now"

        @strawberry.type
        class Subscription:
            @strawberry.subscription
            async def reservation_status(self) -> AsyncGenerator[Reservation, None]:
                told = None
                while told != "CONFIRMED":
                    told = await status.after(told)
                    yield Reservation(id=strawberry.ID("r1"), status=told)

            @strawberry.subscription
            async def noise(self) -> AsyncGenerator[str, None]:
                try:
                    while True:
                        yield "x" * 100_000
                        await asyncio.sleep(0)
                finally:
                    noise_ended.set()

        graphql = GraphQL[Any, None](strawberry.Schema(Query, subscription=Subscription))

        async def count(scope: Any, receive: Any, send: Any) -> None:
            self.sockets += scope["type"] == "websocket"
            await graphql(scope, receive, send)

        app = Starlette()
        app.mount("/graphql", count)
        return app


async def tell_paid(request: SubgraphRequest) -> dict[str, Any]:
    representations = msgspec.json.decode(request.variables)["representations"]
    return {"data": {"_entities": [{"paid": f"paid {one['id']}"} for one in representations]}}


@pytest.fixture
async def ticketing() -> AsyncIterator[Ticketing]:
    service = Ticketing()
    await service.begin()
    yield service
    await service.end()


@asynccontextmanager
async def gateway(ticketing: Ticketing, patience: float | None) -> AsyncIterator[str]:
    transport = HttpTransport(f"http://127.0.0.1:{ticketing.port}/graphql/")
    engine = Engine(
        SUPERGRAPH,
        transports={"ticketing": transport, "payments": InProcessTransport(tell_paid)},
        policies=Policies({Subgraph("ticketing"): Policy(resubscribe=patience)}),
    )
    async with serve(GraphQLDoor(engine, authenticate, limits=DoorLimits()), lifespan="off") as address:
        yield address
    await transport.close()


@asynccontextmanager
async def by_events(address: str) -> AsyncIterator[Read]:
    asking = {"query": FOLLOW}
    headers = {"Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=30) as client,
        client.stream("POST", "/graphql", headers=headers, json=asking) as response,
    ):
        lines = response.aiter_lines()

        async def read() -> Any:
            async for line in lines:
                if line.startswith("data: {"):
                    return json.loads(line.removeprefix("data: "))
                if line == "event: complete":
                    return None
            raise AssertionError("the stream ended")

        yield read


@asynccontextmanager
async def by_socket(address: str) -> AsyncIterator[Read]:
    protocol: Any = "graphql-transport-ws"
    async with connect(f"ws://{address}/graphql", subprotocols=[protocol], proxy=None) as socket:
        await socket.send('{"type":"connection_init"}')
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": FOLLOW}}))

        async def read() -> Any:
            message = json.loads(await socket.recv())
            return None if message["type"] == "complete" else message["payload"]

        yield read


DOORS = pytest.mark.parametrize("door", [by_events, by_socket])


def event(status: str) -> Any:
    return {"data": {"reservationStatus": {"status": status, "paid": "paid r1"}}}


@DOORS
async def test_each_event_is_joined_with_what_others_know_and_the_last_ends_it(door: Any, ticketing: Ticketing) -> None:
    async with gateway(ticketing, None) as address, door(address) as read:
        assert await read() == event("QUEUED")
        for status in ("HELD", "CONFIRMED"):
            await ticketing.status.become(status)
            assert await read() == event(status)
        assert await read() is None


@DOORS
async def test_what_changed_while_the_service_was_down_is_told_when_it_is_back(door: Any, ticketing: Ticketing) -> None:
    """The client does nothing: the gateway subscribes again, and the present state comes first."""
    async with gateway(ticketing, 60) as address, door(address) as read:
        assert await read() == event("QUEUED")
        await ticketing.end()
        await ticketing.status.become("HELD")
        await ticketing.begin()
        assert await read() == event("HELD")
        await ticketing.status.become("CONFIRMED")
        assert await read() == event("CONFIRMED")
        assert await read() is None


@DOORS
async def test_when_the_service_stays_away_the_client_is_told(door: Any, ticketing: Ticketing) -> None:
    async with gateway(ticketing, 0.2) as address, door(address) as read:
        assert await read() == event("QUEUED")
        await ticketing.end()
        failed = await read()
        assert failed["data"] == {"reservationStatus": None}
        (error,) = failed["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["reservationStatus"], "SUBGRAPH_UNAVAILABLE")
        assert await read() is None


@DOORS
async def test_a_client_that_comes_again_is_told_the_present_state_at_once(door: Any, ticketing: Ticketing) -> None:
    async with gateway(ticketing, 60) as address:
        async with door(address) as read:
            assert await read() == event("QUEUED")
        await ticketing.status.become("HELD")
        async with door(address) as read:
            assert await read() == event("HELD")


async def test_clients_of_one_identity_share_one_connection_also_after_a_restart(ticketing: Ticketing) -> None:
    async with gateway(ticketing, 60) as address, by_events(address) as first, by_socket(address) as second:
        assert [await first(), await second()] == [event("QUEUED")] * 2
        assert ticketing.sockets == 1
        await ticketing.end()
        await ticketing.status.become("HELD")
        await ticketing.begin()
        assert [await first(), await second()] == [event("HELD")] * 2
        assert ticketing.sockets == 2


async def test_a_client_that_does_not_read_is_given_up_and_the_others_are_served(ticketing: Ticketing) -> None:
    """What waits for it is bounded; its subscription ends at the service, on whose connection the others stay."""
    async with gateway(ticketing, 60) as address, by_events(address) as read:
        assert await read() == event("QUEUED")
        host, port = address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({"query": "subscription { noise }"})
        head = f"POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        head += f"Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await asyncio.wait_for(ticketing.noise_ended.wait(), 30)
        await ticketing.status.become("HELD")
        assert await read() == event("HELD")
        assert ticketing.sockets == 1
        writer.close()
