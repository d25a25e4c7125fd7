"""Subscriptions over WebSocket against real servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.federation import HttpLimits, HttpTransport, SubgraphRequest, SubgraphTimeout, SubgraphUnavailable


def request(identity: str | None = None) -> SubgraphRequest:
    return SubgraphRequest(service="s", body=b"", query="{a}", variables=b"{}", kind="subscription", identity=identity)


@asynccontextmanager
async def subscription_server(events: int, broken: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    log: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        log.append("connected")
        async for raw in socket:
            message = msgspec.json.decode(raw)
            if message["type"] == "connection_init":
                if broken == "no ack":
                    await socket.close()
                    return
                await socket.send('{"type":"connection_ack"}')
            elif message["type"] == "subscribe":
                log.append(message["payload"]["query"])
                name = message["id"]
                for number in range(events):
                    payload = {"id": name, "type": "next", "payload": {"data": {"n": number}}}
                    await socket.send(msgspec.json.encode(payload).decode())
                if broken == "drop":
                    await socket.close()
                    return
                if broken == "error":
                    await socket.send(f'{{"id":"{name}","type":"error","payload":[{{"message":"no"}}]}}')
                elif broken != "stay":
                    await socket.send(f'{{"id":"{name}","type":"complete"}}')
            elif message["type"] == "complete":
                log.append("completed")

    async with serve(handler, "127.0.0.1", 0, subprotocols=["graphql-transport-ws"]) as listening:  # type: ignore[list-item]
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/graphql", log


async def collect(url: str, limits: HttpLimits | None = None) -> list[object]:
    transport = HttpTransport(url, limits=limits)
    try:
        return [msgspec.json.decode(event) async for event in transport.subscribe(request())]
    finally:
        await transport.close()


async def test_a_subscription_brings_its_events_and_ends() -> None:
    async with subscription_server(3) as (url, _):
        assert await collect(url) == [{"data": {"n": number}} for number in range(3)]
    async with subscription_server(0, broken="error") as (url, _):
        assert await collect(url) == [{"data": None, "errors": [{"message": "no"}]}]


async def test_subscriptions_of_one_identity_share_a_connection() -> None:
    async with subscription_server(1, broken="stay") as (url, log):
        transport = HttpTransport(url)
        streams = [transport.subscribe(request(identity=who)) for who in ("ana", "ana", "bia")]
        for stream in streams:
            assert await anext(stream)
        assert log.count("connected") == 2
        await streams[0].aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)
        assert log.count("completed") == 1
        await transport.close()
        for stream in streams[1:]:
            with pytest.raises(SubgraphUnavailable):
                await anext(stream)


@pytest.mark.parametrize("broken", ["drop", "no ack"])
async def test_a_connection_that_breaks_ends_the_subscription(broken: str) -> None:
    async with subscription_server(1, broken=broken) as (url, _):
        with pytest.raises(SubgraphUnavailable):
            await asyncio.wait_for(collect(url), 60)


async def take_slowly(stream: AsyncIterator[bytes], events: int) -> None:
    for _ in range(events):
        await anext(stream)
        await asyncio.sleep(0.3)


async def test_a_slow_consumer_is_dropped() -> None:
    async with subscription_server(500, broken="stay") as (url, _):
        transport = HttpTransport(url, limits=HttpLimits(queued_events=10))
        stream = transport.subscribe(request())
        with pytest.raises(SubgraphTimeout):
            await take_slowly(stream, 20)
        await transport.close()
