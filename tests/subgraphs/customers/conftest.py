"""The customers service on a real database, called the way the gateway and the workers call it."""

import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.customers.app import create_app
from subgraphs.customers.domain.cpf import complete_cpf
from subgraphs.customers.settings import Settings
from subgraphs.customers.tables import metadata

ISSUER = "http://customers.test"
PASSWORD = "açaí com granola 7"

AUTH = """accessToken refreshToken expiresIn errors { code field message ... on TooManyAttempts { retryAfterMs } }
          customer { id name email birthDate cpf phone createdAt consents { purpose granted }
                     preferences { locale emailEnabled smsEnabled } }"""


@pytest.fixture
def url(database: Callable[[str], str]) -> str:
    return database("customers")


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """An empty database."""
    opened = Database(url)
    async with opened.transaction() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())
    yield opened
    await opened.dispose()


@pytest.fixture
def published(db: Database) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """`await published()` → the events waiting in the outbox, oldest first."""

    async def read() -> list[dict[str, Any]]:
        outbox = metadata.tables["outbox"]
        async with db.connect() as connection:
            rows = await connection.execute(sa.select(outbox.c.payload).order_by(outbox.c.position))
            return [json.loads(payload) for (payload,) in rows]

    return read


@pytest.fixture
def execute(db: Database) -> Callable[..., Awaitable[int]]:
    """`await execute("UPDATE …", name=value)` → how many rows; for letting time pass."""

    async def run(statement: str, **values: Any) -> int:
        async with db.transaction() as connection:
            return (await connection.execute(sa.text(statement), values)).rowcount

    return run


@pytest.fixture
def count(db: Database) -> Callable[[str], Awaitable[int]]:
    async def rows(table: str) -> int:
        async with db.connect() as connection:
            counted = await connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table]))
            return int(counted.scalar_one())

    return rows


@pytest.fixture(scope="session")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers", "stranger")}


@pytest.fixture(scope="session")
def signing_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def settings(
    url: str, keys: dict[str, Ed25519PrivateKey], signing_key: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    for name in ("EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    jwks = [
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
        for caller, key in keys.items()
    ]
    return {
        "database_url": url,
        "service_token_jwks": json.dumps({"keys": jwks}),
        "access_token_signing_key": signing_key,
        "access_token_issuer": ISSUER,
    }


@dataclass
class Service:
    """`await service(document, variables, caller=…, customer=…)` → the GraphQL response as data."""

    client: httpx.AsyncClient
    keys: dict[str, Ed25519PrivateKey]
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100_000_001))

    def token(self, caller: str, customer: UUID | None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": "customers", "iat": now, "exp": now + 60}
        if customer is not None:
            claims |= {"sub": str(customer), "scope": "customer"}
        return jwt.encode(claims, self.keys[caller], algorithm="EdDSA", headers={"kid": caller})

    async def __call__(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        caller: str = "gateway",
        customer: UUID | None = None,
        language: str = "pt-BR",
        client: str | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token(caller, customer)}", "Accept-Language": language}
        if client is not None:
            headers["X-Client-Address"] = client
        # As JSON writes it in ASCII: half a surrogate pair gets through, as it does from any client.
        body = json.dumps({"query": document, "variables": variables})
        headers["Content-Type"] = "application/json"
        response = await self.client.post("/graphql", content=body, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def sign_up(self, *, language: str = "pt-BR", client: str | None = None, **changes: Any) -> dict[str, Any]:
        """Somebody new, with another CPF and address each time unless they are given."""
        number = next(self.numbers)
        wanted = {
            "name": "Ana Souza",
            "email": f"customer-{number}@example.com",
            "password": PASSWORD,
            "birthDate": "1990-05-17",
            "cpf": complete_cpf(str(number)),
            **changes,
        }
        return await self._payload("signUp", "SignUpInput", wanted, AUTH, language=language, client=client)

    async def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
        return await self._payload("signIn", "SignInInput", {"email": email, "password": password}, AUTH, **more)

    async def refresh(self, token: str, **more: Any) -> dict[str, Any]:
        return await self._payload("refreshToken", "RefreshTokenInput", {"refreshToken": token}, AUTH, **more)

    async def sign_out(self, token: str) -> dict[str, Any]:
        return await self._payload("signOut", "SignOutInput", {"refreshToken": token}, "errors { code }")

    async def _payload(self, name: str, type_: str, input: dict[str, Any], wanted: str, **more: Any) -> dict[str, Any]:
        document = f"mutation ($input: {type_}!) {{ {name}(input: $input) {{ {wanted} }} }}"
        answer = await self(document, {"input": input}, **more)
        assert "errors" not in answer, answer
        payload: dict[str, Any] = answer["data"][name]
        return payload


@pytest.fixture
async def service(db: Database, keys: dict[str, Ed25519PrivateKey], settings: dict[str, Any]) -> AsyncIterator[Service]:
    app = create_app(Settings(**settings))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://customers") as client,
    ):
        yield Service(client, keys)


def codes(payload: dict[str, Any]) -> list[tuple[str, str | None]]:
    """The errors of a payload as (code, field)."""
    return [(error["code"], error.get("field")) for error in payload["errors"]]


def key_of(payload: dict[str, Any]) -> UUID:
    """The raw id of a payload's customer."""
    key = global_id.decode("Customer", payload["customer"]["id"])
    assert key is not None
    return key
