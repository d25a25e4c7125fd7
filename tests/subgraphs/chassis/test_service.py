"""A service at its front door: who is let in, what is refused, what it says of itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
import strawberry
import websockets
from fastapi import APIRouter, FastAPI, Request

from subgraphs.chassis.app import Running, build_app
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.guards import internal_only
from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.graphql.types import ErrorCode, Money, Node, UserError, user_error


@strawberry.federation.type(keys=["id"])
class Owner(Node):
    id: strawberry.ID

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Owner | None":
        if id == "broken":
            raise RuntimeError("secret detail")
        return cls(id=id) if str(info.context.customer_id) == id else None


@strawberry.type
class Query:
    @strawberry.field
    def who(self, info: Info) -> str:
        identity = info.context.identity
        return f"{identity.caller} {identity.customer_id} {sorted(identity.scopes)} {info.context.locale.value}"

    @strawberry.field
    def price(self) -> Money:
        return Money(amount_minor=123456)

    @strawberry.field
    async def slow(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @strawberry.field
    def for_workers(self, info: Info) -> str:
        internal_only(info)
        return "ok"

    @strawberry.field
    def resource(self, info: Info) -> str:
        return str(info.context.resources)


@strawberry.type
class Payload:
    errors: list[UserError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def refuse(self, info: Info, code: ErrorCode) -> Payload:
        return Payload(errors=[user_error(info, code, field="code")])


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: Info, to: int) -> AsyncIterator[str]:
        for number in range(to):
            yield f"{info.context.customer_id} {number}"


schema = build_schema(Query, Mutation, Subscription, types=[Owner])


@pytest.fixture
def app(settings: Callable[..., Any]) -> FastAPI:
    @asynccontextmanager
    async def resources(running: Running) -> AsyncIterator[str]:
        yield f"resource of {running.settings.service}"

    router = APIRouter()

    @router.post("/webhooks/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return build_app(settings(), schema, resources=resources, routers=[router])


async def ask(http: httpx.AsyncClient, base: str, headers: dict[str, str], query: str, **variables: Any) -> Any:
    answer = await http.post(f"{base}/graphql", json={"query": query, "variables": variables}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_identity_in_the_token_reaches_the_resolver(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    customer = str(uuid4())
    async with serve(app) as base:
        headers = caller.headers(sub=customer, scope="customer operator nonsense") | {"Accept-Language": "en-GB"}
        assert await ask(http, base, headers, "{ who resource }") == {
            "data": {"who": f"gateway {customer} ['customer', 'operator'] en", "resource": "resource of toy"}
        }
        assert (await ask(http, base, caller.headers(caller="workers"), "{ who }"))["data"] == {
            "who": "workers None [] pt-BR"
        }


@pytest.mark.parametrize(
    "claims",
    [
        {"audience": "payments"},
        {"key": "workers"},
        {"kid": "nobody"},
        {"caller": "gateway", "kid": "workers", "key": "workers"},
        {"life": 61},
        {"issued": 1_000_000_000},
        {"issued": 9_000_000_000},
        {"sub": "not a uuid"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"scope": 3},
    ],
    ids=str,
)
async def test_a_token_that_is_not_exactly_right_is_refused(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, claims: dict[str, Any]
) -> None:
    async with serve(app) as base:
        for _ in range(2):
            answer = await http.post(f"{base}/graphql", json={"query": "{ who }"}, headers=caller.headers(**claims))
            assert answer.status_code == 401
            assert "who" not in answer.text


async def test_other_algorithms_and_no_token_are_refused(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    payload = jwt.decode(caller.token(), options={"verify_signature": False})
    unsigned = jwt.encode(payload, None, algorithm="none", headers={"kid": "gateway"})
    symmetric = jwt.encode(payload, caller.jwks() * 2, algorithm="HS256", headers={"kid": "gateway"})
    async with serve(app) as base:
        for authorization in (
            None,
            "",
            "Bearer",
            "Bearer x.y.z",
            f"Basic {caller.token()}",
            f"Bearer {unsigned}",
            f"Bearer {symmetric}",
            "Bearer " + "x" * 10_000,
        ):
            headers = {"Authorization": authorization} if authorization is not None else {}
            answer = await http.post(f"{base}/graphql", json={"query": "{ who }"}, headers=headers)
            assert answer.status_code == 401, authorization


async def test_queries_are_not_taken_by_get_and_no_ide_is_served(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    async with serve(app) as base:
        for accept in ("text/html", "application/json"):
            answer = await http.get(
                f"{base}/graphql", params={"query": "{ who }"}, headers=caller.headers() | {"Accept": accept}
            )
            assert answer.status_code in (400, 404, 405)
            assert "gateway" not in answer.text


async def test_entities_are_answered_in_order_and_foreign_ones_are_null(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    me = str(uuid4())
    query = """query ($r: [_Any!]!) {
        a: _entities(representations: $r) { ... on Owner { id } }
        b: _entities(representations: $r) { __typename }
    }"""
    async with serve(app) as base:
        representations = [{"__typename": "Owner", "id": str(uuid4())}, {"__typename": "Owner", "id": me}]
        answer = await ask(http, base, caller.headers(sub=me), query, r=representations)
        assert answer == {"data": {"a": [None, {"id": me}], "b": [None, {"__typename": "Owner"}]}}


@pytest.mark.parametrize("representation", [{}, {"__typename": "Nobody"}, {"__typename": "Money"}, "text", {"id": "1"}])
async def test_a_malformed_representation_is_a_readable_error(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, representation: Any
) -> None:
    async with serve(app) as base:
        answer = await ask(
            http,
            base,
            caller.headers(),
            "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }",
            r=[representation],
        )
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


# One entity that cannot be loaded is null with its own error; the others arrive.
async def test_one_failing_entity_does_not_take_the_others_with_it(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    me = str(uuid4())
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Owner { id } } }"
    async with serve(app) as base:
        answer = await ask(
            http,
            base,
            caller.headers(sub=me),
            query,
            r=[{"__typename": "Owner", "id": "broken"}, {"__typename": "Owner", "id": me}],
        )
    assert answer["data"] == {"_entities": [None, {"id": me}]}
    assert answer["errors"][0]["path"] == ["_entities", 0]
    assert "secret" not in json.dumps(answer)


async def test_internal_fields_are_for_their_callers_only(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any
) -> None:
    async with serve(app) as base:
        refused = await ask(http, base, caller.headers(), "{ forWorkers }")
        assert refused["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
        assert (await ask(http, base, caller.headers(caller="workers"), "{ forWorkers }"))["data"] == {
            "forWorkers": "ok"
        }


@pytest.mark.parametrize(
    ("language", "formatted", "message"),
    [
        ("pt-BR", "R$\N{NO-BREAK SPACE}1.234,56", "Esgotado."),
        ("en;q=0.9, pt;q=0.1", "R$1,234.56", "Sold out."),
        ("de, *;q=x", "R$\N{NO-BREAK SPACE}1.234,56", "Esgotado."),
    ],
)
async def test_money_and_errors_speak_the_requests_language(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, language: str, formatted: str, message: str
) -> None:
    async with serve(app) as base:
        headers = caller.headers() | {"Accept-Language": language}
        answer = await ask(http, base, headers, "{ price { amountMinor currency formatted } }")
        assert answer["data"]["price"] == {"amountMinor": 123456, "currency": "BRL", "formatted": formatted}
        answer = await ask(
            http, base, headers, "mutation { refuse(code: SOLD_OUT) { errors { __typename message code field } } }"
        )
        assert answer["data"]["refuse"]["errors"] == [
            {"__typename": "InputError", "message": message, "code": "SOLD_OUT", "field": "code"}
        ]


async def test_the_callers_deadline_is_kept(app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any) -> None:
    async with serve(app) as base:
        headers = caller.headers() | {"X-Request-Timeout-Ms": "50"}
        answer = await ask(http, base, headers, "{ slow(seconds: 5) }")
        assert answer["errors"][0]["extensions"] == {"code": "DEADLINE_EXCEEDED"}
        headers["X-Request-Timeout-Ms"] = "soon"
        assert (await ask(http, base, headers, "{ slow(seconds: 0.1) }"))["data"] == {"slow": "done"}


@pytest.mark.parametrize("path", ["/graphql", "/webhooks/echo"])
async def test_a_body_of_more_than_a_megabyte_is_refused(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, path: str
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100_000

    headers = caller.headers() | {"Content-Type": "application/json"}
    async with serve(app) as base:
        for content in (b"x" * 1_000_001, chunks()):
            answer = await http.post(f"{base}{path}", content=content, headers=headers)
            assert answer.status_code == 413
        answer = await http.post(f"{base}/webhooks/echo", content=b"x" * 1_000_000)
        assert answer.json() == {"bytes": 1_000_000}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b'{"query": 3}', "application/json"),
        (b"query=x", "text/plain"),
        (b"3", "application/json"),
    ],
)
async def test_a_malformed_request_is_a_client_error(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, content: bytes, kind: str
) -> None:
    async with serve(app) as base:
        answer = await http.post(f"{base}/graphql", content=content, headers=caller.headers() | {"Content-Type": kind})
        assert answer.status_code == 400


async def test_the_request_id_is_kept_or_made(app: FastAPI, serve: Any, http: httpx.AsyncClient) -> None:
    async with serve(app) as base:
        answer = await http.get(f"{base}/health/live", headers={"X-Request-Id": "abc-1"})
        assert answer.headers["x-request-id"] == "abc-1"
        answer = await http.get(f"{base}/health/live", headers={"X-Request-Id": "a b\tc"})
        assert len(answer.headers["x-request-id"]) == 32


async def subscribe(url: str, headers: dict[str, str], query: str) -> list[Any]:
    async with websockets.connect(
        url, additional_headers=headers, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        received = []
        while not received or received[-1]["type"] == "next":
            received.append(json.loads(await socket.recv()))
        return received


async def test_a_subscription_streams_for_the_tokens_customer(app: FastAPI, serve: Any, caller: Any) -> None:
    customer = str(uuid4())
    async with serve(app) as base:
        url = base.replace("http", "ws") + "/graphql"
        received = await subscribe(url, caller.headers(sub=customer), "subscription { count(to: 2) }")
        assert [message.get("payload") for message in received] == [
            {"data": {"count": f"{customer} 0"}},
            {"data": {"count": f"{customer} 1"}},
            None,
        ]
        refused = await subscribe(url, caller.headers(), "subscription { nothing }")
        assert refused[0]["type"] == "error"


async def test_a_websocket_without_a_token_is_refused_at_the_upgrade(app: FastAPI, serve: Any, caller: Any) -> None:
    async with serve(app) as base:
        url = base.replace("http", "ws") + "/graphql"
        for headers in ({}, caller.headers(audience="payments")):
            with pytest.raises(websockets.InvalidStatus) as refusal:
                await subscribe(url, headers, "subscription { count(to: 1) }")
            assert refusal.value.response.status_code == 401


async def test_readiness_follows_the_database(
    settings: Callable[..., Any], toy_url: str, serve: Any, http: httpx.AsyncClient
) -> None:
    async with serve(build_app(settings(database_url=toy_url), schema)) as base:
        ready = await http.get(f"{base}/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "checks": {"database": True}})
    nowhere = "postgresql+asyncpg://nobody:nothing@127.0.0.1:9/none"
    async with serve(build_app(settings(database_url=nowhere), schema)) as base:
        unready = await http.get(f"{base}/health/ready")
        assert (unready.status_code, unready.json()["checks"]) == (503, {"database": False})
        assert (await http.get(f"{base}/health/live")).status_code == 200


async def test_a_background_task_that_died_makes_the_service_unready(
    settings: Callable[..., Any], serve: Any, http: httpx.AsyncClient
) -> None:
    async def doomed(_running: Running, _stopping: asyncio.Event) -> None:
        raise RuntimeError("gone")

    async with serve(build_app(settings(), schema, background=[doomed])) as base:
        unready = await http.get(f"{base}/health/ready")
        assert (unready.status_code, unready.json()["checks"]) == (503, {"doomed": False})
