"""`graphql-transport-ws` as its protocol tells it, close codes included."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.federation import Engine, InProcessTransport
from gateway.http import GraphQLDoor
from gateway.http.admission import AdmissionLimits
from tests.gateway.http.conftest import LIMITS, SUPERGRAPH, Behind, authenticate
from tests.gateway.serving import serve

PROTOCOL: Any = "graphql-transport-ws"


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def read(socket: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), 60))


async def close_code(socket: ClientConnection) -> int | None:
    """The code with which the server closes, whatever it says before."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(socket.recv(), 60)
    return socket.close_code


@asynccontextmanager
async def opened(address: str, payload: Any = None, **headers: str) -> AsyncIterator[ClientConnection]:
    """A connection whose handshake is done."""
    async with connect(
        f"ws://{address}/graphql", subprotocols=[PROTOCOL], additional_headers=headers, proxy=None
    ) as socket:
        await send(socket, type="connection_init", **({} if payload is None else {"payload": payload}))
        assert await read(socket) == {"type": "connection_ack"}
        yield socket


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ("{ who }", [{"data": {"who": None}}]),
        ("mutation { touch }", [{"data": {"touch": 1}}]),
        ("subscription { ticks(last: 2) }", [{"data": {"ticks": 1}}, {"data": {"ticks": 2}}]),
        (
            "{ who ... @defer { greeting } }",
            [
                {"data": {"who": None}, "pending": [{"id": "0", "path": []}], "hasNext": True},
                {
                    "incremental": [{"id": "0", "data": {"greeting": "Olá, mundo"}}],
                    "completed": [{"id": "0"}],
                    "hasNext": False,
                },
            ],
        ),
    ],
)
async def test_every_kind_of_operation_runs(address: str, query: str, answers: list[Any]) -> None:
    async with opened(address) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": query})
        for answer in answers:
            assert await read(socket) == {"id": "1", "type": "next", "payload": answer}
        assert await read(socket) == {"id": "1", "type": "complete"}


async def test_an_id_is_free_again_after_its_operation(address: str) -> None:
    async with opened(address) as socket:
        for _ in range(3):
            await send(socket, type="subscribe", id="x", payload={"query": "{ who }"})
            assert [(await read(socket))["type"] for _ in range(2)] == ["next", "complete"]


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
async def test_the_token_comes_in_the_payload(address: str, name: str) -> None:
    async with opened(address, {name: "Bearer ana", "Accept-Language": "en"}) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "{ who language }"})
        assert (await read(socket))["payload"] == {"data": {"who": "ana", "language": "en"}}


async def test_or_the_token_comes_in_the_header(address: str) -> None:
    async with opened(address, Authorization="Bearer ana") as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "{ who }"})
        assert (await read(socket))["payload"] == {"data": {"who": "ana"}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription ($n: Int!) { ticks(last: $n) }", "BAD_USER_INPUT"),
    ],
)
async def test_a_refused_operation_is_an_error_and_the_connection_stays(address: str, query: str, code: str) -> None:
    async with opened(address) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": query})
        refused = await read(socket)
        assert (refused["id"], refused["type"]) == ("1", "error")
        assert refused["payload"][0]["extensions"]["code"] == code
        await send(socket, type="subscribe", id="1", payload={"query": "{ who }"})
        assert (await read(socket))["type"] == "next"


async def test_completing_ends_the_stream_behind(address: str, behind: Behind) -> None:
    async with opened(address) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "subscription { forever }"})
        assert (await read(socket))["payload"] == {"data": {"forever": 1}}
        await send(socket, type="complete", id="1")
        await asyncio.wait_for(behind.ended.wait(), 60)
        await send(socket, type="complete", id="never begun")
        await send(socket, type="ping")
        assert await read(socket) == {"type": "pong"}


async def test_going_away_ends_the_stream_behind(address: str, behind: Behind) -> None:
    async with opened(address) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "subscription { forever }"})
        await read(socket)
    await asyncio.wait_for(behind.ended.wait(), 60)


async def test_operations_on_a_connection_are_counted(address: str) -> None:
    async with opened(address) as socket:
        for name in "abc":
            await send(socket, type="subscribe", id=name, payload={"query": "subscription { forever }"})
        got = [await read(socket) for _ in range(3)]
        refused = next(message for message in got if message["type"] == "error")
        assert refused["id"] == "c"
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"


INIT = {"type": "connection_init"}
FOREVER = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { forever }"}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], 4408),
        ([{"type": "ping"}], 4408),
        ([FOREVER], 4401),
        ([INIT, INIT], 4429),
        ([{**INIT, "payload": "Bearer ana"}], 4400),
        ([{**INIT, "payload": {"Authorization": "Bearer forged"}}], 4403),
        ([{**INIT, "payload": {"Authorization": "Bearer later"}}], 1013),
        ([INIT, FOREVER, FOREVER], 4409),
        ([INIT, {"type": "unknown"}], 4400),
        ([INIT, {"id": "1"}], 4400),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400),
        ([INIT, {"type": "subscribe", "id": "", "payload": {"query": "{ who }"}}], 4400),
        ([INIT, {"type": "subscribe", "id": 1, "payload": {"query": "{ who }"}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": 1}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": "{ who }", "variables": []}}], 4400),
        ([INIT, "not JSON"], 4400),
        ([INIT, "[1]"], 4400),
        ([INIT, "[" * 900], 4400),
        ([INIT, b"\x00"], 4400),
        ([INIT, "x" * 2_000], 1009),
    ],
)
async def test_who_breaks_the_protocol_is_closed_with_its_code(address: str, messages: list[Any], code: int) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL], proxy=None) as socket:
        for message in messages:
            await socket.send(json.dumps(message) if isinstance(message, dict) else message)
        assert await close_code(socket) == code


async def test_a_connection_does_not_outlive_the_token(address: str, behind: Behind) -> None:
    async with opened(address, {"Authorization": "Bearer brief"}) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "subscription { forever }"})
        await read(socket)
        assert await close_code(socket) == 4403
    assert behind.ended.is_set()


async def test_a_client_that_chats_is_closed_when_its_token_ends_too(address: str) -> None:
    async with opened(address, {"Authorization": "Bearer brief"}) as socket:
        with suppress(ConnectionClosed):
            for _ in range(100_000):
                await send(socket, type="ping")
                await read(socket)
        assert socket.close_code == 4403


async def test_another_protocol_is_not_spoken(address: str) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=None, proxy=None) as socket:
        assert await close_code(socket) == 4406


async def test_pages_of_other_sites_cannot_open_a_connection(address: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(address, Origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    async with opened(address, Origin=f"http://{address}"):
        pass


async def test_connections_are_counted(address: str) -> None:
    async with (
        opened(address),
        opened(address),
        opened(address),
        connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL], proxy=None) as fourth,
    ):
        await send(fourth, type="connection_init")
        assert await close_code(fourth) == 1013
        async with opened(address, {"Authorization": "Bearer ana"}):
            pass


async def test_sockets_that_have_not_said_who_they_are_have_few_places(address: str) -> None:
    """Of one address no more than five: the sixth is closed before it says anything."""
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL], proxy=None, close_timeout=1)
            )
            for _ in range(6)
        ]
        assert await close_code(sockets[5]) == 1013


async def test_a_caller_has_no_more_places_than_its_share(address: str) -> None:
    ana = {"Authorization": "Bearer ana"}
    async with (
        opened(address, ana),
        opened(address, ana),
        connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL], proxy=None) as third,
    ):
        await send(third, type="connection_init", payload=ana)
        assert await close_code(third) == 1013
        async with opened(address):
            pass


async def test_a_place_is_free_again_when_its_socket_has_gone(address: str) -> None:
    for _ in range(20):
        async with opened(address), opened(address), opened(address):
            pass


@pytest.fixture
async def hasty(behind: Behind) -> AsyncIterator[str]:
    """A door that closes sockets without an operation soon."""
    engine = Engine(SUPERGRAPH, transports={"a": InProcessTransport(behind.answer, behind.events)})
    limits = replace(LIMITS, idle_seconds=0.2)
    async with serve(GraphQLDoor(engine, authenticate, limits=limits), lifespan="off") as at:
        yield at


@pytest.mark.parametrize("payload", [None, {"Authorization": "Bearer ana"}])
async def test_a_socket_without_an_operation_is_closed(hasty: str, payload: Any) -> None:
    """Chatting does not keep it, nor do operations that have ended."""
    async with opened(hasty, payload) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "{ who }"})
        assert [(await read(socket))["type"] for _ in range(2)] == ["next", "complete"]
        with suppress(ConnectionClosed):
            for _ in range(100_000):
                await send(socket, type="ping")
                await read(socket)
        assert socket.close_code == 1000


async def test_a_socket_is_idle_from_when_its_last_operation_ended(hasty: str, behind: Behind) -> None:
    async with opened(hasty) as socket:
        await send(socket, type="subscribe", id="1", payload={"query": "subscription { forever }"})
        await read(socket)
        await asyncio.sleep(0.5)
        await send(socket, type="ping")
        assert await read(socket) == {"type": "pong"}
        await send(socket, type="complete", id="1")
        assert await close_code(socket) == 1000
    assert behind.ended.is_set()


async def test_an_operation_that_is_refused_for_too_much_to_do_says_when_to_come_again(behind: Behind) -> None:
    engine = Engine(SUPERGRAPH, transports={"a": InProcessTransport(behind.answer, behind.events)})
    limits = replace(LIMITS, queries=AdmissionLimits(least=1, most=1, burst=0, stand=0), operations_per_socket=3)
    behind.held = asyncio.Event()
    async with serve(GraphQLDoor(engine, authenticate, limits=limits), lifespan="off") as at, opened(at) as socket:
        await send(socket, type="subscribe", id="0", payload={"query": "{ who }"})
        assert [(await read(socket))["type"] for _ in range(2)] == ["next", "complete"]
        await send(socket, type="subscribe", id="1", payload={"query": "{ greeting }"})
        await asyncio.wait_for(behind.asked.wait(), 3)
        await send(socket, type="subscribe", id="2", payload={"query": "{ who }"})
        refused = await read(socket)
        assert (refused["id"], refused["type"]) == ("2", "error")
        assert refused["payload"][0]["extensions"]["code"] == "OVERLOADED"
        assert refused["payload"][0]["extensions"]["retryAfterMs"] > 0
        behind.held.set()
        assert (await read(socket))["payload"] == {"data": {"greeting": "Olá, mundo"}}
