"""Subscriptions over WebSocket against real servers that misbehave."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.federation import (
    HttpLimits,
    HttpTransport,
    SocketLimits,
    SubgraphRejected,
    SubgraphRequest,
    SubgraphTimeout,
    SubgraphUnavailable,
)


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
        transport = HttpTransport(url, limits=HttpLimits(sockets=SocketLimits(queued_events=10)))
        stream = transport.subscribe(request())
        with pytest.raises(SubgraphTimeout):
            await take_slowly(stream, 20)
        await transport.close()


class Slow:
    """A server that takes its time at each step of the handshake; counts who is connected."""

    def __init__(self) -> None:
        self.connected = 0
        self.most = 0
        self.left = asyncio.Event()

    async def handle(self, socket: ServerConnection) -> None:
        self.connected += 1
        self.most = max(self.most, self.connected)
        try:
            async for raw in socket:
                message = msgspec.json.decode(raw)
                await asyncio.sleep(random.uniform(0, 0.02))
                if message["type"] == "connection_init":
                    await socket.send('{"type":"connection_ack"}')
                elif message["type"] == "subscribe":
                    event = {"id": message["id"], "type": "next", "payload": {"data": {"n": 1}}}
                    await socket.send(msgspec.json.encode(event).decode())
        finally:
            self.connected -= 1
            self.left.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with serve(self.handle, "127.0.0.1", 0, subprotocols=["graphql-transport-ws"]) as listening:  # type: ignore[list-item]
            yield f"http://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/graphql"

    async def all_gone(self) -> None:
        async with asyncio.timeout(20):
            while self.connected:
                self.left.clear()
                await self.left.wait()


async def follow(transport: HttpTransport, identity: str) -> None:
    async for _ in transport.subscribe(request(identity)):
        pass


@pytest.mark.parametrize("callers", [1, 1_000])
async def test_clients_that_leave_at_any_moment_leave_no_connection_open(callers: int) -> None:
    """As the socket opens, as it is greeted, as it is subscribed on; alone on it, or one of many."""
    slow = Slow()
    async with slow.listening() as url:
        transport = HttpTransport(url)
        for _ in range(4):
            clients = [
                asyncio.ensure_future(follow(transport, f"caller {random.randrange(callers)}")) for _ in range(50)
            ]
            for client in clients:
                asyncio.get_running_loop().call_later(random.uniform(0, 0.1), client.cancel)
            await asyncio.gather(*clients, return_exceptions=True)
        assert slow.most > 0
        await slow.all_gone()
        assert transport._sockets._links == {}
        assert transport._sockets._active == 0
        assert await anext(transport.subscribe(request("after"))) == b'{"data":{"n":1}}'
        await transport.close()
        await slow.all_gone()


async def test_who_leaves_does_not_take_the_connection_from_who_stays() -> None:
    slow = Slow()
    async with slow.listening() as url:
        transport = HttpTransport(url)
        leaves = asyncio.ensure_future(follow(transport, "ana"))
        stays = transport.subscribe(request("ana"))
        staying = asyncio.ensure_future(anext(stays))
        await asyncio.sleep(0)
        leaves.cancel()
        assert await staying == b'{"data":{"n":1}}'
        assert slow.most == 1
        await transport.close()


@pytest.mark.parametrize(
    ("limits", "others"),
    [
        (SocketLimits(links=2), "carries subscriptions of too many callers"),
        (SocketLimits(per_link=1), "carries too many subscriptions of one caller"),
        (SocketLimits(subscriptions=2), "carries too many subscriptions"),
    ],
)
async def test_connections_and_what_they_carry_are_bounded(limits: SocketLimits, others: str) -> None:
    slow = Slow()
    async with slow.listening() as url:
        transport = HttpTransport(url, limits=HttpLimits(sockets=limits))
        held = [transport.subscribe(request(who)) for who in ("ana", "bia")]
        for stream in held:
            await anext(stream)
        with pytest.raises(SubgraphRejected, match=others):
            await anext(transport.subscribe(request("ana" if limits.per_link == 1 else "caio")))
        await held[0].aclose()  # type: ignore[attr-defined]
        assert await anext(transport.subscribe(request("ana"))) == b'{"data":{"n":1}}'
        await transport.close()
