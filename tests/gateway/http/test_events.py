"""Server-sent events: one operation for each stream, and nothing runs on when the client has gone."""

import asyncio

import httpx
import pytest

from tests.gateway.http.conftest import Behind

EVENTS = {"Accept": "text/event-stream"}


async def read_events(response: httpx.Response) -> list[tuple[str, str]]:
    """[(event, data)], comments left out."""
    text = (await response.aread()).decode()
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], fields.get("data", "")))
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_a_stream_that_ends(client: httpx.AsyncClient, method: str) -> None:
    query = {"query": "subscription { ticks(last: 2) }"}
    more = {"params": query} if method == "GET" else {"json": query}
    async with client.stream(method, "/graphql", headers=EVENTS, **more) as response:  # type: ignore[arg-type]
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert await read_events(response) == [
            ("next", '{"data":{"ticks":1}}'),
            ("next", '{"data":{"ticks":2}}'),
            ("complete", ""),
        ]


async def test_queries_and_mutations_are_streams_of_one(client: httpx.AsyncClient) -> None:
    for query, answer in (("{ who }", '{"data":{"who":null}}'), ("mutation { touch }", '{"data":{"touch":1}}')):
        async with client.stream("POST", "/graphql", headers=EVENTS, json={"query": query}) as response:
            assert await read_events(response) == [("next", answer), ("complete", "")]
    by_url = await client.get("/graphql", params={"query": "mutation { touch }"}, headers=EVENTS)
    assert by_url.status_code == 405


async def test_a_refused_document_never_becomes_a_stream(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { nothing }"}, headers=EVENTS)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_variables_that_do_not_fit_are_told_in_the_stream(client: httpx.AsyncClient) -> None:
    asking = {"query": "subscription ($n: Int!) { ticks(last: $n) }", "variables": {"n": "many"}}
    async with client.stream("POST", "/graphql", headers=EVENTS, json=asking) as response:
        (first, data), last = await read_events(response)
    assert (first, last) == ("next", ("complete", ""))
    assert "BAD_USER_INPUT" in data


async def test_a_quiet_stream_is_kept_alive_and_ended_when_the_client_goes(
    client: httpx.AsyncClient, behind: Behind
) -> None:
    asking = {"query": "subscription { forever }"}
    async with client.stream("POST", "/graphql", headers=EVENTS, json=asking) as response:
        seen = b""
        async for chunk in response.aiter_bytes():
            seen += chunk
            if b"next" in seen and seen.endswith(b"\n\n:\n\n:\n\n"):
                break
        assert not behind.ended.is_set()
    await asyncio.wait_for(behind.ended.wait(), 60)


async def test_a_stream_does_not_outlive_the_token(client: httpx.AsyncClient, behind: Behind) -> None:
    headers = {**EVENTS, "Authorization": "Bearer brief"}
    asking = {"query": "subscription { forever }"}
    async with client.stream("POST", "/graphql", headers=headers, json=asking) as response:
        events = await read_events(response)
    assert [name for name, _ in events] == ["next", "next", "complete"]
    assert "UNAUTHENTICATED" in events[1][1]
    assert behind.ended.is_set()


async def test_streams_are_counted(client: httpx.AsyncClient) -> None:
    asking = {"query": "subscription { forever }"}
    async with (
        client.stream("POST", "/graphql", headers=EVENTS, json=asking),
        client.stream("POST", "/graphql", headers=EVENTS, json=asking),
        client.stream("POST", "/graphql", headers=EVENTS, json=asking),
    ):
        refused = await client.post("/graphql", headers=EVENTS, json=asking)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    for _ in range(100):
        again = await client.post("/graphql", headers=EVENTS, json={"query": "{ who }"})
        if again.status_code == 200:
            return
        await asyncio.sleep(0.02)
    pytest.fail("no stream was given back")
