"""GraphQL over HTTP: what is answered, and how everything else is refused."""

import asyncio
import json

import httpx
import pytest

from tests.gateway.http.conftest import Behind

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
HELLO = {"query": "query ($name: String) { greeting(name: $name) }", "variables": {"name": "Ana"}}


def code_of(response: httpx.Response) -> str:
    body = response.json()
    assert "data" not in body
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.8", GRAPHQL),
        (f"text/html, {JSON}; charset=utf-8", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
    ],
)
async def test_the_answer_has_the_type_that_the_client_prefers(
    client: httpx.AsyncClient, accept: str | None, answered: str
) -> None:
    del client.headers["accept"]
    response = await client.post("/graphql", json=HELLO, headers={} if accept is None else {"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    assert response.json() == {"data": {"greeting": "Olá, Ana"}}


@pytest.mark.parametrize("accept", ["text/html", "image/png", f"{JSON};q=0", f"{JSON}; charset=iso-8859-1"])
async def test_a_client_that_takes_none_of_our_types_is_told_so(
    client: httpx.AsyncClient, behind: Behind, accept: str
) -> None:
    response = await client.post("/graphql", json=HELLO, headers={"Accept": accept})
    assert (response.status_code, code_of(response)) == (406, "NOT_ACCEPTABLE")
    assert behind.requests == []


async def test_a_query_may_come_in_the_url(client: httpx.AsyncClient) -> None:
    parameters = {"query": HELLO["query"], "variables": json.dumps({"name": "Zé"}), "operationName": "", "other": "1"}
    response = await client.get("/graphql", params=parameters)  # type: ignore[arg-type]
    assert response.json() == {"data": {"greeting": "Olá, Zé"}}


async def test_a_mutation_in_the_url_changes_nothing(client: httpx.AsyncClient, behind: Behind) -> None:
    query = "query A { who } mutation B { touch }"
    response = await client.get("/graphql", params={"query": query, "operationName": "B"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert behind.requests == []
    assert (await client.get("/graphql", params={"query": query, "operationName": "A"})).status_code == 200
    assert (await client.post("/graphql", json={"query": "mutation { touch }"})).json() == {"data": {"touch": 1}}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_cannot_make_a_browser_ask(client: httpx.AsyncClient, behind: Behind, site: str) -> None:
    query = {"query": "{ who }"}
    response = await client.get("/graphql", params=query, headers={"Sec-Fetch-Site": site})
    assert (response.status_code, code_of(response)) == (403, "FORBIDDEN")
    assert behind.requests == []
    own = await client.get("/graphql", params=query, headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_with_those_that_work(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql", json=HELLO)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
async def test_only_json_in_utf_8_is_read(client: httpx.AsyncClient, behind: Behind, headers: dict[str, str]) -> None:
    response = await client.post("/graphql", content=json.dumps(HELLO).encode(), headers=headers)
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert behind.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"{ who }"',
        b"[" * 1_500,
        b'{"query": "\xff"}',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ["{ who }"]}',
        b'{"query": "{ who }", "operationName": {}}',
        b'{"query": "{ who }", "variables": "{}"}',
        b'{"query": "{ who }", "variables": []}',
        b'{"query": "{ who }", "extensions": 0}',
        b'[{"query": "{ who }"}]',
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_that_is_no_request_is_refused(
    client: httpx.AsyncClient, behind: Behind, body: bytes, accept: str
) -> None:
    headers = {"Content-Type": JSON, "Accept": accept}
    response = await client.post("/graphql", content=body, headers=headers)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert behind.requests == []


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=%FF",
        "query={who}&query={who}",
        "query={who}&variables={",
        "query={who}&variables=[]",
        "query={who}&extensions=1",
        "&".join(["query={who}", *["x=1"] * 60]),
    ],
)
async def test_a_url_that_is_no_request_is_refused(client: httpx.AsyncClient, query_string: str) -> None:
    response = await client.get(f"/graphql?{query_string}")
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{ who"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nobody }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($n: Int) { greeting(times: $n) }", "variables": {"n": "two"}}, "BAD_USER_INPUT"),
        ({"query": "{ who }", "operationName": "Missing"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "subscription { forever }"}, "BAD_REQUEST"),
    ],
)
async def test_a_refused_document_is_400_only_in_the_type_that_says_so(
    client: httpx.AsyncClient, behind: Behind, request_: dict[str, object], code: str
) -> None:
    new = await client.post("/graphql", json=request_, headers={"Accept": GRAPHQL})
    assert (new.status_code, code_of(new)) == (400, code)
    old = await client.post("/graphql", json=request_, headers={"Accept": JSON})
    assert (old.status_code, code_of(old)) == (200, code)
    assert behind.requests == []


async def test_a_large_body_is_refused_whether_its_length_is_told_or_not(
    client: httpx.AsyncClient, behind: Behind
) -> None:
    large = json.dumps({"query": "{ who } #" + "x" * 3_000}).encode()

    async def in_pieces():  # type: ignore[no-untyped-def]
        for start in range(0, len(large), 500):
            yield large[start : start + 500]

    for content in (large, in_pieces()):
        response = await client.post("/graphql", content=content, headers={"Content-Type": JSON})
        assert (response.status_code, code_of(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert behind.requests == []


def head_of(address: str, length: int) -> bytes:
    lines = [
        "POST /graphql HTTP/1.1",
        f"Host: {address}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize("sent", [b"", b"{"])
async def test_a_body_that_never_comes_ends_the_request(address: str, sent: bytes) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head_of(address, 50) + sent)
    answer = await asyncio.wait_for(reader.read(4_000), 60)
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_body_that_trickles_has_no_more_time_than_any_other(address: str) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head_of(address, 50))
    answered = asyncio.ensure_future(reader.read(4_000))
    began = asyncio.get_running_loop().time()
    for _ in range(40):
        if answered.done():
            break
        writer.write(b" ")
        await asyncio.sleep(0.05)
    assert (await answered).startswith(b"HTTP/1.1 408 ")
    assert asyncio.get_running_loop().time() - began < 1.5
    writer.close()


@pytest.mark.parametrize("cuts", [[0], [5], [0, 5, 9]])
async def test_a_body_may_come_later_than_its_head_and_in_pieces(address: str, behind: Behind, cuts: list[int]) -> None:
    host, port = address.split(":")
    body = b'{"query": "{ who }"}'
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head_of(address, len(body)))
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        writer.write(body[start:end])
        await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(reader.read(4_000), 60)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"data":{"who":null}}')
    writer.close()


@pytest.mark.parametrize("sent", [b"", b'{"query": "{ who }"'])
async def test_a_client_that_leaves_before_its_body_is_whole_is_not_answered(
    address: str, behind: Behind, client: httpx.AsyncClient, sent: bytes
) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head_of(address, 50) + sent)
    await asyncio.sleep(0.05)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(4_000), 60) == b""
    writer.close()
    assert behind.requests == []
    assert (await client.post("/graphql", json={"query": "{ who }"})).status_code == 200


async def test_the_token_makes_the_caller(client: httpx.AsyncClient) -> None:
    asking = {"query": "{ who }"}
    known = await client.post("/graphql", json=asking, headers={"Authorization": "Bearer ana"})
    assert known.json() == {"data": {"who": "ana"}}
    assert (await client.post("/graphql", json=asking)).json() == {"data": {"who": None}}


async def test_a_token_that_does_not_count_is_401_and_nothing_is_asked(
    client: httpx.AsyncClient, behind: Behind
) -> None:
    for accept in (JSON, GRAPHQL):
        headers = {"Authorization": "Bearer forged", "Accept": accept}
        response = await client.post("/graphql", json={"query": "{ who }"}, headers=headers)
        assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    later = await client.post("/graphql", json={"query": "{ who }"}, headers={"Authorization": "Bearer later"})
    assert (later.status_code, code_of(later)) == (503, "SERVICE_UNAVAILABLE")
    assert behind.requests == []


@pytest.mark.parametrize(
    ("written", "forwarded"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("pt-PT", "pt-BR"),
        ("de, en;q=0.5, pt;q=0.7", "pt-BR"),
        ("de-DE", "pt-BR"),
        ("en;q=0", "pt-BR"),
        ("en;q=x, en", "en"),
        ("x" * 300, "pt-BR"),
        ("*", "pt-BR"),
    ],
)
async def test_one_of_the_languages_served_is_forwarded_and_never_the_client_s_text(
    client: httpx.AsyncClient, behind: Behind, written: str, forwarded: str
) -> None:
    """It is part of keys: equal queries in flight, connections of subscriptions."""
    response = await client.post("/graphql", json={"query": "{ language }"}, headers={"Accept-Language": written})
    assert response.json() == {"data": {"language": forwarded}}
    assert behind.requests[-1].headers == {"Accept-Language": forwarded}
