"""A small service on the chassis, on a real database, behind a real server."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest
import sqlalchemy as sa
import strawberry
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from subgraphs.chassis import idempotency, inbox, outbox
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import NAMING_CONVENTION, Database
from subgraphs.chassis.settings import ServiceSettings

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
outbox.outbox_table(metadata)
inbox.inbox_table(metadata)
idempotency.idempotency_table(metadata)
sa.Table("things", metadata, sa.Column("name", sa.Text, primary_key=True))


class ToySettings(ServiceSettings):
    service: ClassVar[str] = "toy"


@dataclass
class Caller:
    """Signs service tokens the way the gateway and the workers do."""

    keys: dict[str, Ed25519PrivateKey]

    def jwks(self) -> str:
        keys = [
            {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": name}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": keys})

    def token(
        self,
        *,
        caller: str = "gateway",
        key: str | None = None,
        kid: str | None = None,
        audience: str = "toy",
        sub: str | None = None,
        scope: str | None = None,
        issued: float | None = None,
        life: int = 60,
        **claims: Any,
    ) -> str:
        now = int(issued if issued is not None else time.time())
        payload: dict[str, Any] = {"iss": caller, "aud": audience, "iat": now, "exp": now + life, **claims}
        payload |= {name: value for name, value in (("sub", sub), ("scope", scope)) if value is not None}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, self.keys[key or caller], algorithm="EdDSA", headers={"kid": kid or caller})

    def headers(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(**claims)}"}


@pytest.fixture(scope="session")
def caller() -> Caller:
    return Caller({name: Ed25519PrivateKey.generate() for name in ("gateway", "workers")})


@pytest.fixture(scope="module")
def toy_url(postgres_url: str) -> Iterator[str]:
    name = f"toy_{secrets.token_hex(6)}"

    async def make() -> None:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        engine = create_async_engine(url)
        async with engine.begin() as sql:
            await sql.run_sync(metadata.create_all)
        await engine.dispose()

    async def drop() -> None:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://").rpartition("/")[0] + f"/{name}"
    asyncio.run(make())
    yield url
    asyncio.run(drop())


@pytest.fixture
async def toy_database(toy_url: str) -> AsyncIterator[Database]:
    database = Database(toy_url)
    async with database.transaction() as connection:
        for table in metadata.sorted_tables:
            await connection.execute(table.delete())
    yield database
    await database.dispose()


@pytest.fixture
def settings(caller: Caller, aws_credentials: None) -> Callable[..., ToySettings]:
    def make(**values: Any) -> ToySettings:
        return ToySettings(service_token_jwks=caller.jwks(), **values)

    return make


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("DATABASE_URL", "EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(aws_endpoint: str, settings: Callable[..., ToySettings]) -> Iterator[Aws]:
    clients = Aws(settings(aws_endpoint_url=aws_endpoint))
    yield clients
    clients.close()


@asynccontextmanager
async def _serve(app: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def serve() -> Callable[[FastAPI], Any]:
    """`async with serve(app) as base_url:` — a real uvicorn in this event loop."""
    return _serve


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


@strawberry.federation.type(keys=["id"])
class Owner:
    id: strawberry.ID

    @classmethod
    def resolve_reference(cls, info: strawberry.Info, id: strawberry.ID) -> "Owner | None":
        return cls(id=id) if info.context.customer_id == UUID(id) else None
