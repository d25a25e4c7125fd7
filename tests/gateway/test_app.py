"""The gateway as it is started: its doors, what it tells services, and what it does when they are away."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.app import create_app
from gateway.http.page import GraphiQLPage
from gateway.settings import SERVICES, Settings
from tests.gateway.conftest import Issuer
from tests.gateway.serving import serve

GRAPHS = " ".join(
    f'{name.upper()} @join__graph(name: "{name}", url: "http://{name}.test/")' for name in (*SERVICES, "experience")
)
SUPERGRAPH = f"""
schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {{ query: Query mutation: Mutation }}
enum join__Graph {{ {GRAPHS} }}
type Query @join__type(graph: TICKETING) @join__type(graph: CONCESSIONS) @join__type(graph: EXPERIENCE) {{
  events: [String!] @join__field(graph: TICKETING)
  products: [String!] @join__field(graph: CONCESSIONS)
  node(id: ID!): Node @join__field(graph: EXPERIENCE)
}}
type Mutation @join__type(graph: TICKETING) {{ cancel: Boolean }}
type Event @join__type(graph: CONCESSIONS) {{ combos: String }}
type Reservation @join__type(graph: EXPERIENCE) {{ payment: String suggestions: String }}
type Customer @join__type(graph: EXPERIENCE) {{ suggestions: String }}
interface Node @join__type(graph: EXPERIENCE) {{ id: ID! }}
"""


class Service:
    """Any service: keeps what it was asked with."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.headers: list[dict[str, str]] = []
        self.data = data
        self.app = Starlette(routes=[Route("/graphql", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> JSONResponse:
        self.headers.append(dict(request.headers))
        return JSONResponse({"data": self.data})


@asynccontextmanager
async def running(settings: Settings, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings.model_copy(update=changes), supergraph_sdl=SUPERGRAPH)
    async with serve(app) as address, httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        yield client


@pytest.fixture
def issuer_at(issuer: Issuer) -> Starlette:
    async def keys(_: Request) -> JSONResponse:
        return JSONResponse(issuer.jwks())

    return Starlette(routes=[Route("/keys", keys)])


async def test_it_is_alive_and_ready_though_every_service_is_away(settings: Settings) -> None:
    async with running(settings) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        assert (await client.get("/elsewhere")).status_code == 404


async def test_services_hear_who_asks_in_which_language_and_how_much_time_is_left(
    settings: Settings, issuer: Issuer, issuer_at: Starlette, service_key: Ed25519PrivateKey
) -> None:
    ticketing, me = Service({"events": ["Brasil x Uruguai"]}), uuid4()
    async with serve(ticketing.app) as at, serve(issuer_at) as issuer_address:
        changes = {
            "ticketing_url": f"http://{at}/graphql",
            "access_token_jwks_url": f"http://{issuer_address}/keys",
        }
        async with running(settings, **changes) as client:
            trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
            headers = {
                "Authorization": f"Bearer {issuer.token(me)}",
                "Accept-Language": "en",
                "X-Request-Id": "request-1",
                "traceparent": trace,
            }
            answer = await client.post("/graphql", json={"query": "{ events }"}, headers=headers)
            assert answer.json() == {"data": {"events": ["Brasil x Uruguai"]}}
            await client.post("/graphql", json={"query": "{ events }"}, headers={"X-Request-Id": "two\twords"})
    heard, anonymous = ticketing.headers
    token = heard["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, service_key.public_key(), algorithms=["EdDSA"], audience="ticketing", issuer="gateway")
    assert (claims["sub"], claims["scope"]) == (str(me), "customer")
    assert heard["accept-language"] == "en"
    assert heard["x-request-id"] == "request-1"
    assert re.fullmatch(f"00-{'ab' * 16}-[0-9a-f]{{16}}-01", heard["traceparent"])
    assert heard["traceparent"] != trace
    assert 0 < int(heard["x-request-timeout-ms"]) <= 5_000
    assert anonymous["accept-language"] == "pt-BR"
    assert re.fullmatch("[0-9a-f]{32}", anonymous["x-request-id"])
    assert "sub" not in jwt.decode(
        anonymous["authorization"].removeprefix("Bearer "), options={"verify_signature": False}
    )


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "1.2.3.4")])
async def test_services_hear_where_a_request_comes_from(settings: Settings, proxies: int, address: str) -> None:
    """What the client says of itself counts for nothing."""
    ticketing = Service({"events": [], "cancel": True})
    async with serve(ticketing.app) as at:
        changes = {"ticketing_url": f"http://{at}/graphql", "trusted_proxies": proxies}
        async with running(settings, **changes) as client:
            headers = {"X-Forwarded-For": "6.6.6.6, 1.2.3.4", "X-Client-Address": "6.6.6.6"}
            for query in ("{ events }", "{ events }", "mutation { cancel }"):
                await client.post("/graphql", json={"query": query}, headers=headers)
    assert [heard["x-client-address"] for heard in ticketing.headers] == [address] * 3


async def test_a_mutation_has_more_time_and_is_given_up_by_its_service_first(settings: Settings) -> None:
    ticketing = Service({"cancel": True})
    async with serve(ticketing.app) as at, running(settings, ticketing_url=f"http://{at}/graphql") as client:
        await client.post("/graphql", json={"query": "mutation { cancel }"})
    (heard,) = ticketing.headers
    assert 7_000 < int(heard["x-request-timeout-ms"]) <= 7_200  # of eight seconds


async def test_a_bad_token_is_401_in_the_shape_of_graphql(
    settings: Settings, issuer: Issuer, issuer_at: Starlette
) -> None:
    ticketing = Service({"events": []})
    async with serve(ticketing.app) as at, serve(issuer_at) as issuer_address:
        changes = {
            "ticketing_url": f"http://{at}/graphql",
            "access_token_jwks_url": f"http://{issuer_address}/keys",
        }
        async with running(settings, **changes) as client:
            expired = {"Authorization": f"Bearer {issuer.token(exp=1_700_000_000)}"}
            response = await client.post("/graphql", json={"query": "{ events }"}, headers=expired)
    assert response.status_code == 401
    assert response.json() == {
        "errors": [{"message": "The access token has expired.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }
    assert ticketing.headers == []


async def test_without_the_issuer_a_token_is_503_and_no_token_still_works(settings: Settings, issuer: Issuer) -> None:
    ticketing = Service({"events": []})
    async with serve(ticketing.app) as at:
        changes = {"ticketing_url": f"http://{at}/graphql", "access_token_jwks_url": "http://127.0.0.1:9/keys"}
        async with running(settings, **changes) as client:
            signed_in = {"Authorization": f"Bearer {issuer.token()}"}
            response = await client.post("/graphql", json={"query": "{ events }"}, headers=signed_in)
            assert response.status_code == 503
            assert response.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
            assert (await client.post("/graphql", json={"query": "{ events }"})).json() == {"data": {"events": []}}


async def test_when_one_service_is_away_the_rest_of_the_answer_arrives(settings: Settings) -> None:
    ticketing = Service({"events": ["Final"]})
    async with serve(ticketing.app) as at:
        changes = {
            "ticketing_url": f"http://{at}/graphql",
            "concessions_url": "http://127.0.0.1:9/graphql",
        }
        async with running(settings, **changes) as client:
            answer = (await client.post("/graphql", json={"query": "{ events products }"})).json()
    assert answer["data"] == {"events": ["Final"], "products": None}
    assert [error["path"] for error in answer["errors"]] == [["products"]]
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"
    assert "127.0.0.1" not in json.dumps(answer)


async def test_in_development_browsers_are_shown_graphiql(settings: Settings) -> None:
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with running(settings) as client:
        page = await client.get("/graphql", headers=html)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert 'id="graphiql"' in page.text
        assert (await client.post("/graphql", json={"query": "{ events }"}, headers=html)).status_code == 200
    async with running(settings, environment="production") as client:
        refused = await client.get("/graphql", headers=html)
        assert refused.status_code == 400
        assert refused.headers["content-type"].startswith("application/json")
        assert (await client.get("/graphiql/assets/index.js")).status_code == 404


async def test_the_bundle_is_served_and_nothing_beside_it(
    settings: Settings, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "dist"
    (bundle / "assets").mkdir(parents=True)
    (bundle / "index.html").write_text("<title>bundled</title>")
    (bundle / "assets" / "index.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    (bundle / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(GraphiQLPage.load.__func__, "__defaults__", (bundle,))  # type: ignore[attr-defined]
    async with running(settings) as client:
        assert "bundled" in (await client.get("/graphql", headers={"Accept": "text/html"})).text
        script = await client.get("/graphiql/assets/index.js")
        assert (script.status_code, script.text) == (200, "export {};")
        assert script.headers["content-type"].startswith("text/javascript")
        assert (await client.post("/graphiql/assets/index.js")).status_code == 404
        for path in ("", "assets", "..%2fsecret.txt", "%2e%2e/secret.txt", "assets/link.txt", "nothing.js", "a%00b"):
            assert (await client.get(f"/graphiql/{path}")).status_code == 404, path


def test_what_the_environment_lacks_is_named_without_quoting_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SERVICE_TOKEN_PRIVATE_KEY", "a secret")
    monkeypatch.setenv("REQUEST_TIMEOUT", "0")
    with pytest.raises(ValueError, match="ticketing_url") as refused:
        create_app(supergraph_sdl=SUPERGRAPH)
    assert "a secret" not in str(refused.value)
    assert "request_timeout" in str(refused.value)
