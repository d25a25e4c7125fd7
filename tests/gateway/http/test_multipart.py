"""Answers in parts: to clients that take them, in the format that they read, and whole to all others."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.gateway.http.conftest import Behind

DEFERRED = {"query": 'query ($on: Boolean = true) { who ... @defer(if: $on, label: "later") { greeting } }'}
FIRST = {"data": {"who": None}, "pending": [{"id": "0", "path": [], "label": "later"}], "hasNext": True}
LAST = {"incremental": [{"id": "0", "data": {"greeting": "Olá, mundo"}}], "completed": [{"id": "0"}], "hasNext": False}


async def read_parts(response: httpx.Response) -> list[Any]:
    return split_parts(await response.aread())


def split_parts(body: bytes) -> list[Any]:
    """The JSON of each part, checked byte for byte. (RFC 2046, section 5.1.1.)"""
    before, *parts, after = body.split(b"\r\n---")
    assert (before, after) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, text = part.partition(b"\r\n\r\n")
        assert head == b"\r\nContent-Type: application/json; charset=utf-8"
        found.append(json.loads(text))
    return found


@pytest.mark.parametrize(
    "accept", ["multipart/mixed", "application/json, multipart/mixed", "multipart/mixed, application/json;q=0.9"]
)
async def test_what_is_deferred_follows_in_a_part_of_its_own(client: httpx.AsyncClient, accept: str) -> None:
    async with client.stream("POST", "/graphql", headers={"Accept": accept}, json=DEFERRED) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == 'multipart/mixed; boundary="-"'
        assert await read_parts(response) == [FIRST, LAST]


async def test_the_first_part_does_not_wait_for_the_others(client: httpx.AsyncClient, behind: Behind) -> None:
    behind.held = asyncio.Event()
    seen = b""
    async with client.stream("POST", "/graphql", headers={"Accept": "multipart/mixed"}, json=DEFERRED) as response:
        async for chunk in response.aiter_raw():
            seen += chunk
            if not behind.held.is_set() and seen.endswith(b"}\r\n---"):
                assert split_parts(seen + b"--\r\n") == [FIRST]
                behind.held.set()
    assert split_parts(seen) == [FIRST, LAST]


@pytest.mark.parametrize(
    ("parameter", "last"),
    [
        (
            "deferSpec=20220824",
            {"incremental": [{"data": {"greeting": "Olá, mundo"}, "path": [], "label": "later"}], "hasNext": False},
        ),
        ("incrementalSpec=v0.2", LAST),
    ],
)
async def test_clients_say_which_format_they_read(client: httpx.AsyncClient, parameter: str, last: Any) -> None:
    accept = f"multipart/mixed;{parameter}, application/graphql-response+json, application/json;q=0.9"
    async with client.stream("POST", "/graphql", headers={"Accept": accept}, json=DEFERRED) as response:
        assert response.headers["content-type"] == f'multipart/mixed; boundary="-"; {parameter}'
        assert (await read_parts(response))[1] == last


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("application/graphql-response+json", "application/graphql-response+json"),
        ("application/json, multipart/mixed;q=0.5", "application/json"),
        ("application/json, multipart/mixed;q=0", "application/json"),
        ("*/*", "application/json"),
    ],
)
async def test_others_have_their_answer_whole(client: httpx.AsyncClient, accept: str, content_type: str) -> None:
    response = await client.post("/graphql", headers={"Accept": accept}, json=DEFERRED)
    assert response.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert response.json() == {"data": {"who": None, "greeting": "Olá, mundo"}}


async def test_an_answer_that_has_no_parts_is_no_multipart(client: httpx.AsyncClient) -> None:
    headers = {"Accept": "multipart/mixed, application/graphql-response+json"}
    plain = await client.post("/graphql", headers=headers, json={"query": "{ who }"})
    assert plain.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert plain.json() == {"data": {"who": None}}
    refused = await client.post("/graphql", headers=headers, json={"query": "{ nothing ... @defer { who } }"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    async with client.stream(
        "POST", "/graphql", headers={"Accept": "multipart/mixed"}, json={"query": "{ who }"}
    ) as response:
        assert await read_parts(response) == [{"data": {"who": None}}]


async def test_switched_off_it_is_one_part(client: httpx.AsyncClient) -> None:
    asking = {**DEFERRED, "variables": {"on": False}}
    async with client.stream("POST", "/graphql", headers={"Accept": "multipart/mixed"}, json=asking) as response:
        assert await read_parts(response) == [{"data": {"who": None, "greeting": "Olá, mundo"}}]


async def test_by_events_parts_come_one_by_one(client: httpx.AsyncClient) -> None:
    async with client.stream("POST", "/graphql", headers={"Accept": "text/event-stream"}, json=DEFERRED) as response:
        text = (await response.aread()).decode()
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert [json.loads(block.partition("data: ")[2]) for block in blocks[:-1]] == [FIRST, LAST]
    assert blocks[-1].startswith("event: complete")


async def test_who_leaves_between_parts_is_waited_for_no_longer(client: httpx.AsyncClient, behind: Behind) -> None:
    behind.held = asyncio.Event()
    async with client.stream("POST", "/graphql", headers={"Accept": "multipart/mixed"}, json=DEFERRED) as response:
        async for chunk in response.aiter_raw():
            if b"hasNext" in chunk:
                break
    await asyncio.wait_for(behind.given_up.wait(), 60)
