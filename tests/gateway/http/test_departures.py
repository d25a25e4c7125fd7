"""Nobody waits for what its client does not wait for any more, except for what must not be left half done."""

import asyncio

import httpx
import pytest
from websockets import Subprotocol
from websockets.asyncio.client import connect

from tests.gateway.http.conftest import Behind


async def leave_early(address: str, behind: Behind, query: str, accept: str = "application/json") -> None:
    """Asks, and closes the connection when the subgraph has been asked."""
    host, port = address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = b'{"query":"%s"}' % query.encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: test\r\nAccept: %s\r\nContent-Type: application/json\r\n"
    writer.write(head % accept.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await asyncio.wait_for(behind.asked.wait(), 60)
    writer.close()
    await writer.wait_closed()


async def test_a_query_is_given_up_with_its_client(address: str, behind: Behind, client: httpx.AsyncClient) -> None:
    behind.held = asyncio.Event()
    await leave_early(address, behind, "{ greeting }")
    await asyncio.wait_for(behind.given_up.wait(), 60)
    assert (await client.post("/graphql", json={"query": "{ who }"})).json() == {"data": {"who": None}}


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed", "text/event-stream"])
async def test_a_mutation_is_brought_to_its_end(address: str, behind: Behind, accept: str) -> None:
    behind.held = asyncio.Event()
    await leave_early(address, behind, "mutation { touch }", accept)
    await goes_on(behind)


@pytest.mark.parametrize("way", ["closes the connection", "completes the operation"])
async def test_so_is_one_over_a_websocket(address: str, behind: Behind, way: str) -> None:
    behind.held = asyncio.Event()
    async with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        await socket.send('{"type":"subscribe","id":"1","payload":{"query":"mutation { touch }"}}')
        await asyncio.wait_for(behind.asked.wait(), 60)
        if way == "completes the operation":
            await socket.send('{"type":"complete","id":"1"}')
            await goes_on(behind)
            return
    await goes_on(behind)


async def goes_on(behind: Behind) -> None:
    """What the subgraph has been asked to do is not given up, and comes to its end."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(behind.given_up.wait(), 0.4)
    assert behind.held is not None
    behind.held.set()
    await asyncio.wait_for(behind.done.wait(), 60)


async def test_a_client_that_waits_long_has_its_answer(client: httpx.AsyncClient, behind: Behind) -> None:
    behind.held = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, behind.held.set)
    answer = await client.post("/graphql", json={"query": "{ greeting }"})
    assert answer.json() == {"data": {"greeting": "Olá, mundo"}}
