"""Nobody waits for what its client does not wait for any more, except for what must not be left half done."""

import asyncio

import httpx
import pytest

from tests.gateway.http.conftest import Behind


async def leave_early(address: str, behind: Behind, query: str, accept: str = "application/json") -> None:
    """Asks, and closes the connection when the subgraph has been asked."""
    host, port = address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = b'{"query":"%s"}' % query.encode()
    head = b"POST /graphql HTTP/1.1\r\nHost: test\r\nAccept: %s\r\nContent-Type: application/json\r\n"
    writer.write(head % accept.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await asyncio.wait_for(behind.asked.wait(), 3)
    writer.close()
    await writer.wait_closed()


async def test_a_query_is_given_up_with_its_client(address: str, behind: Behind, client: httpx.AsyncClient) -> None:
    behind.held = asyncio.Event()
    await leave_early(address, behind, "{ greeting }")
    await asyncio.wait_for(behind.given_up.wait(), 3)
    assert (await client.post("/graphql", json={"query": "{ who }"})).json() == {"data": {"who": None}}


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
async def test_a_mutation_is_brought_to_its_end(address: str, behind: Behind, accept: str) -> None:
    behind.held = asyncio.Event()
    await leave_early(address, behind, "mutation { touch }", accept)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(behind.given_up.wait(), 0.4)
    behind.held.set()


async def test_a_client_that_waits_long_has_its_answer(client: httpx.AsyncClient, behind: Behind) -> None:
    behind.held = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, behind.held.set)
    answer = await client.post("/graphql", json={"query": "{ greeting }"})
    assert answer.json() == {"data": {"greeting": "Olá, mundo"}}
