"""The experience asks services over pools that are theirs alone; whoever leaves, nothing stays taken."""

import asyncio
import gc
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.app import Gateway, create_app
from gateway.auth import Buyer
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import encode
from gateway.federation import HttpLimits, HttpTransport, Policy, SubgraphRequest
from gateway.outgoing import ServiceCalls
from gateway.settings import Settings
from tests.gateway.conftest import Issuer
from tests.gateway.serving import serve

SERVICES = ("ticketing", "payments", "concessions", "customers", "notifications", "suggestions")
GRAPHS = " ".join(
    f'{name.upper()} @join__graph(name: "{name}", url: "http://{name}.test/")' for name in (*SERVICES, "experience")
)
SUPERGRAPH = f"""
schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {{ query: Query mutation: Mutation }}
enum join__Graph {{ {GRAPHS} }}
"""
SUPERGRAPH += """
type Query @join__type(graph: EXPERIENCE) { nodes(ids: [ID!]!): [Node]! node(id: ID!): Node }
type Mutation @join__type(graph: TICKETING) { cancel: Boolean }
interface Node @join__type(graph: EXPERIENCE) { id: ID! }
type Event @join__type(graph: CONCESSIONS) { combos: String }
type Customer @join__type(graph: EXPERIENCE) { suggestions: String }
type Suggestion @join__type(graph: EXPERIENCE) { id: ID! }
type Reservation implements Node @join__implements(graph: EXPERIENCE, interface: "Node")
  @join__type(graph: EXPERIENCE, key: "id") { id: ID! payment: String suggestions: [Suggestion!] }
"""
MINE = encode("Reservation", UUID(int=7))
WIDE = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Reservation { suggestions { id } } } }"


class Services:
    """All services in one server, each slow by a little: what is asked, and how much of it at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[str] = []
        self.seconds = seconds
        self.held: asyncio.Event | None = None
        self.app = Starlette(routes=[Route("/{service}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> JSONResponse:
        service = request.path_params["service"]
        body = json.loads(await request.body())
        self.asked.append(service)
        if self.held is not None:
            await self.held.wait()
        await asyncio.sleep(random.uniform(0, self.seconds))
        return JSONResponse({"data": self._data(body["query"], body["variables"])})

    def _data(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "_entities" in query:
            session = {"id": "s", "event": {"id": encode("Event", UUID(int=1)), "kind": "CINEMA"}, "venue": None}
            return {
                "_entities": [{"__typename": "Reservation", "session": session} for _ in variables["representations"]]
            }
        if "suggest(" in query:
            item = {"__typename": "Product", "id": encode("Product", UUID(int=4))}
            one = {"id": encode("Suggestion", UUID(int=9)), "reason": "POPULAR", "item": item}
            return {f"s{number}": [one] for number in range(len(variables))}
        edge = {"node": {"id": encode("Product", UUID(int=4))}}
        return {"purchaseHistory": [], "events": {"edges": []}, "products": {"edges": [edge]}, "now": 1}


@asynccontextmanager
async def running(
    settings: Settings, issuer: Issuer, services: Services
) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    async def keys(_: Request) -> JSONResponse:
        return JSONResponse(issuer.jwks())

    services.app.routes.append(Route("/keys", keys))
    async with serve(services.app) as at:
        urls: dict[str, Any] = {f"{name}_url": f"http://{at}/{name}" for name in SERVICES}
        changes = {**urls, "access_token_jwks_url": f"http://{at}/keys"}
        app = create_app(settings.model_copy(update=changes), supergraph_sdl=SUPERGRAPH)
        headers = {"Authorization": f"Bearer {issuer.token(uuid4())}"}
        async with (
            serve(app) as address,
            httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False, timeout=30) as client,
        ):
            yield app, client


async def test_one_thing_that_is_wanted_fifty_times_is_asked_for_once(settings: Settings, issuer: Issuer) -> None:
    services = Services()
    async with running(settings, issuer, services) as (_, client):
        answer = await client.post("/graphql", json={"query": WIDE, "variables": {"ids": [MINE] * 50}})
    (suggestion,) = {json.dumps(node["suggestions"]) for node in answer.json()["data"]["nodes"]}
    assert json.loads(suggestion) == [{"id": encode("Suggestion", UUID(int=9))}]
    # Whether it exists, its session, history, events; products; suggestions.
    assert sorted(services.asked) == ["concessions", "suggestions", *["ticketing"] * 4]


async def test_fifty_things_are_asked_for_together(settings: Settings, issuer: Issuer) -> None:
    services = Services()
    async with running(settings, issuer, services) as (_, client):
        ids = [encode("Reservation", UUID(int=number)) for number in range(1, 51)]
        answer = await client.post("/graphql", json={"query": WIDE, "variables": {"ids": ids}})
    assert all(node["suggestions"] for node in answer.json()["data"]["nodes"])
    assert sorted(services.asked) == ["concessions", *["suggestions"] * 3, *["ticketing"] * 4]


async def test_more_ids_than_are_allowed_are_refused_and_nobody_is_asked(settings: Settings, issuer: Issuer) -> None:
    services = Services()
    async with running(settings, issuer, services) as (_, client):
        answer = await client.post("/graphql", json={"query": WIDE, "variables": {"ids": [MINE] * 51}})
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert services.asked == []


# graphql-core does not close the coroutines of fields that it had not come to when it was cancelled.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_clients_that_leave_in_the_middle_of_wide_queries_leave_nothing_taken(
    settings: Settings, issuer: Issuer
) -> None:
    """Two hundred leave at random moments; then all places are free, the gateway is ready, and calls go well."""
    services = Services(seconds=0.05)
    async with running(settings, issuer, services) as (app, client):
        host, port = str(client.base_url.host), client.base_url.port
        token = client.headers["Authorization"]

        async def leave() -> None:
            _, writer = await asyncio.open_connection(host, port)
            ids = [encode("Reservation", uuid4()) for _ in range(50)]
            body = json.dumps({"query": WIDE, "variables": {"ids": ids}}).encode()
            head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await asyncio.sleep(random.uniform(0, 0.4))
            writer.close()

        for _ in range(4):
            await asyncio.gather(*(leave() for _ in range(50)))
        async with asyncio.timeout(30):
            while any(one._open != len(one._idle) or one._waiting for one in app._connections.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await client.get("/health/ready")).status_code == 200
        answer = await client.post("/graphql", json={"query": WIDE, "variables": {"ids": [MINE] * 50}})
        assert all(node["suggestions"] for node in answer.json()["data"]["nodes"])
    gc.collect()


async def test_a_gateway_that_cannot_call_a_service_any_more_is_not_ready(settings: Settings, issuer: Issuer) -> None:
    services = Services()
    async with running(settings, issuer, services) as (app, client):
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        lost = app._connections["payments"]
        lost._waiting.append(asyncio.get_running_loop().create_future())
        lost._moved_at = asyncio.get_running_loop().time() - 31
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "unready", "stuck": ["payments"]})
        lost._waiting.clear()
        assert (await client.get("/health/ready")).status_code == 200


def on_behalf() -> SubgraphRequest:
    return SubgraphRequest(
        service="experience", body=b"", query="", variables=b"", kind="query", identity=Buyer(UUID(int=1))
    )


@pytest.mark.parametrize("document", ["{ now }", "mutation { now }"])
async def test_a_thousand_cancelled_calls_leave_no_place_taken(document: str) -> None:
    """As they wait for a place, connect, send, wait, and read."""
    services = Services(seconds=0.02)
    async with serve(services.app) as at:
        transport = HttpTransport(f"http://{at}/ticketing", limits=HttpLimits(connections=8))
        calls = ServiceCalls.over({"ticketing": transport}, {"ticketing": Policy(concurrency=16)})
        loop = asyncio.get_running_loop()
        for _ in range(10):
            under_way = [
                asyncio.ensure_future(calls.send(on_behalf(), "ticketing", document, b"{}", 20)) for _ in range(100)
            ]
            for call in under_way:
                loop.call_later(random.uniform(0, 0.15), call.cancel)
            ended = await asyncio.gather(*under_way, return_exceptions=True)
            assert all(isinstance(one, bytes | asyncio.CancelledError) for one in ended)
        slots = calls.queries["ticketing"]._slots
        assert slots is not None
        assert (slots._free, len(slots._waiting)) == (16, 0)
        assert (transport._open, len(transport._waiting)) == (len(transport._idle), 0)
        answers = await asyncio.gather(*(calls.send(on_behalf(), "ticketing", document, b"{}", 20) for _ in range(100)))
        assert len(answers) == 100
        await transport.close()


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (401, b"", SourceRefused),
        (403, b"", SourceRefused),
        (500, b"", SourceUnavailable),
        (503, b'{"errors":[{"extensions":{"code":"OVERLOADED","retryAfterMs":70}}]}', SourceUnavailable),
    ],
)
async def test_what_a_service_answers_instead_is_told_in_the_experience_s_words(
    status: int, body: bytes, fault: type[Exception]
) -> None:
    async def answer(request: Request) -> Any:
        from starlette.responses import Response

        return Response(body, status)

    async with serve(Starlette(routes=[Route("/", answer, methods=["POST"])])) as at:
        transport = HttpTransport(f"http://{at}/")
        calls = ServiceCalls.over({"ticketing": transport}, {"ticketing": Policy()})
        with pytest.raises(fault) as failed:
            await calls.send(on_behalf(), "ticketing", "{ now }", b"{}", 5)
        await transport.close()
    if status == 503:
        assert isinstance(failed.value, SourceUnavailable)
        assert (failed.value.reason, failed.value.may_pass) == ("overloaded", False)
