"""The suggestions service on the emulated AWS, asked the way the gateway asks it."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.graphql import global_id
from subgraphs.suggestions.app import create_app
from subgraphs.suggestions.resources import Resources, open_resources
from subgraphs.suggestions.settings import Settings

SUGGEST = """query Suggest($input: SuggestInput!) {
  suggest(input: $input) { id reason item { __typename ... on Product { id } ... on Event { id } } } }"""
FEEDBACK = """mutation Feedback($input: RecordSuggestionFeedbackInput!) { recordSuggestionFeedback(input: $input) {
  suggestion { id status reason item { __typename ... on Product { id } ... on Event { id } } }
  errors { code message field } } }"""


@pytest.fixture(scope="session")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}


@pytest.fixture(scope="session")
def jwks(keys: dict[str, Ed25519PrivateKey]) -> str:
    public = [
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
        for caller, key in keys.items()
    ]
    return json.dumps({"keys": public})


@pytest.fixture
def settings(aws_endpoint: str, jwks: str, tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DATABASE_URL", "EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Settings(aws_endpoint_url=aws_endpoint, service_token_jwks=jwks, **tables)


@pytest.fixture(scope="module")
def tables(aws_endpoint: str) -> Iterator[dict[str, str]]:
    """Both tables as the template declares them, one pair per test module."""
    import boto3

    client = boto3.client(
        "dynamodb",
        region_name="sa-east-1",
        endpoint_url=aws_endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    names = {}
    for setting, partition, sort in (
        ("suggestions_table", "customer_id", "suggestion_id"),
        ("signals_table", "pk", "sk"),
    ):
        names[setting] = f"{setting}-{uuid4().hex[:8]}"
        client.create_table(
            TableName=names[setting],
            KeySchema=[
                {"AttributeName": partition, "KeyType": "HASH"},
                {"AttributeName": sort, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": partition, "AttributeType": "S"},
                {"AttributeName": sort, "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
    yield names
    for name in names.values():
        client.delete_table(TableName=name)
    client.close()


@pytest.fixture
def aws(settings: Settings) -> Iterator[Aws]:
    clients = Aws(settings)
    yield clients
    clients.close()


@pytest.fixture
def resources(aws: Aws, settings: Settings) -> Resources:
    return open_resources(aws, settings)


@dataclass
class Tokens:
    keys: dict[str, Ed25519PrivateKey]

    def headers(
        self, customer: UUID | None, *, caller: str = "gateway", audience: str = "suggestions"
    ) -> dict[str, str]:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": audience, "iat": now, "exp": now + 60}
        if customer is not None:
            claims |= {"sub": str(customer), "scope": "customer"}
        token = jwt.encode(claims, self.keys[caller], algorithm="EdDSA", headers={"kid": caller})
        return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}


@pytest.fixture
def tokens(keys: dict[str, Ed25519PrivateKey]) -> Tokens:
    return Tokens(keys)


@dataclass
class Service:
    """`await service(document, input, customer=…)` → the GraphQL response as data."""

    client: httpx.AsyncClient
    tokens: Tokens

    async def __call__(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        customer: UUID | None = None,
        caller: str = "gateway",
    ) -> dict[str, Any]:
        headers = self.tokens.headers(customer, caller=caller)
        response = await self.client.post("/graphql", json={"query": document, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def suggest(self, customer: UUID, candidates: list[tuple[str, UUID]], **more: Any) -> list[dict[str, Any]]:
        answer = await self(SUGGEST, question(candidates, **more), customer=customer)
        assert "errors" not in answer, answer
        found: list[dict[str, Any]] = answer["data"]["suggest"]
        return found

    async def feedback(self, customer: UUID | None, suggestion_id: str, outcome: str) -> dict[str, Any]:
        variables = {"input": {"suggestionId": suggestion_id, "outcome": outcome}}
        answer = await self(FEEDBACK, variables, customer=customer)
        assert "errors" not in answer, answer
        payload: dict[str, Any] = answer["data"]["recordSuggestionFeedback"]
        return payload


def question(candidates: list[tuple[str, UUID]], **more: Any) -> dict[str, Any]:
    """Variables of `SUGGEST`, in the shape that the gateway sends."""
    context = {"reservationId": None, "eventId": None, "eventKind": None, "venueId": None}
    context |= {name: str(value) for name, value in more.pop("context", {}).items()}
    return {
        "input": {
            "first": 3,
            "context": context,
            "history": [],
            "candidates": [{"type": type_, "id": str(id_)} for type_, id_ in candidates],
            **more,
        }
    }


def items_of(suggestions: list[dict[str, Any]]) -> list[tuple[str, UUID | None]]:
    """(typename, raw id) of each."""
    return [
        (one["item"]["__typename"], global_id.decode(one["item"]["__typename"], one["item"]["id"]))
        for one in suggestions
    ]


@pytest.fixture
async def service(settings: Settings, tokens: Tokens) -> AsyncIterator[Service]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://suggestions") as client,
    ):
        yield Service(client, tokens)
