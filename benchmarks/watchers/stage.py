"""A real database, an emulated AWS and one ticketing process, with a sector for everybody and a line of requests."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import boto3
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.local.postgres.binaries import reachable_by_others, server_account
from infra.local.postgres.server import free_port, start_postgres
from infra.local.services import Service
from infra.local.shared import shared_ministack

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60
_TABLE = "requests"
SESSION, SECTOR = uuid4(), uuid4()


@dataclass(frozen=True, slots=True)
class Stage:
    port: int
    pid: int
    database: str
    dynamodb: Any
    keys: dict[str, Ed25519PrivateKey]

    def token(self, caller: str, customer: UUID | None = None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": "ticketing", "iat": now, "exp": now + 60}
        if customer is not None:
            claims |= {"sub": str(customer), "scope": "customer"}
        return jwt.encode(claims, self.keys[caller], algorithm="EdDSA", headers={"kid": caller})

    def cpu_seconds(self) -> float:
        """User and kernel time of the service so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def fill(self, units: int) -> None:
        """One event whose only sector has that many places."""
        connection = await asyncpg.connect(self.database)
        organiser, venue, event = uuid4(), uuid4(), uuid4()
        await connection.execute("INSERT INTO organisers (id, name) VALUES ($1, 'Liga')", organiser)
        await connection.execute(
            "INSERT INTO venues (id, name, city, state, address, time_zone)"
            " VALUES ($1, 'Arena', 'São Paulo', 'SP', 'Rua A, 1', 'America/Sao_Paulo')",
            venue,
        )
        await connection.execute(
            "INSERT INTO events (id, organiser_id, name, kind, age_rating, category, ticket_limit)"
            " VALUES ($1, $2, 'Final', 'FOOTBALL', 'L', 'Liga', 4)",
            event,
            organiser,
        )
        await connection.execute(
            "INSERT INTO sessions (id, event_id, venue_id, starts_at, status, hold_minutes, numbered_seats)"
            " VALUES ($1, $2, $3, now() + interval '3 days', 'ON_SALE', 60, false)",
            SESSION,
            event,
            venue,
        )
        await connection.execute(
            "INSERT INTO sectors (id, session_id, position, name, numbered, capacity, price_minor, service_fee_minor)"
            " VALUES ($1, $2, 0, 'Gramado', false, $3, 10000, 1000)",
            SECTOR,
            SESSION,
            units,
        )
        await connection.execute(
            "INSERT INTO units (id, sector_id, position, label, kind)"
            " SELECT gen_random_uuid(), $1, n, 'G-' || n, 'PLACE' FROM generate_series(1, $2::int) AS n",
            SECTOR,
            units,
        )
        await connection.close()

    async def end_holds(self) -> None:
        """As if an hour had passed."""
        connection = await asyncpg.connect(self.database)
        await connection.execute("UPDATE reservations SET held_until = now() - interval '1 second'")
        await connection.close()

    def queue(self, keys: Sequence[tuple[UUID, UUID]]) -> None:
        """Records of (reservation, customer), in line in this order, as the gateway leaves them."""
        for start in range(0, len(keys), 25):
            items = [_record(start + index + 1, *key) for index, key in enumerate(keys[start : start + 25])]
            self.dynamodb.batch_write_item(RequestItems={_TABLE: [{"PutRequest": {"Item": item}} for item in items]})


def _record(number: int, reservation: UUID, customer: UUID) -> dict[str, Any]:
    return {
        "reservation_id": {"S": str(reservation)},
        "customer_id": {"S": str(customer)},
        "session_id": {"S": str(SESSION)},
        "sector_id": {"S": str(SECTOR)},
        "quantity": {"N": "1"},
        "line": {"S": f"{SESSION}:{SECTOR}"},
        "sequence": {"S": f"{number:039}"},
        "since": {"S": "2026-01-02T03:04:05.678Z"},
        "requested_at": {"S": "2026-01-02T03:04:05.678Z"},
    }


@contextmanager
def on_stage() -> Iterator[Stage]:
    place = Path(tempfile.gettempdir())
    if server_account() is not None and not reachable_by_others(place):
        place = Path("/var/tmp")
    here = place / f"bilhetagem-watchers-{os.getuid()}-{secrets.token_hex(4)}"
    here.mkdir(mode=0o711)
    try:
        with (
            start_postgres(here / "postgres", password=secrets.token_hex(16)) as postgres,
            shared_ministack(here / "ministack") as ministack,
        ):
            postgres.cluster.ensure_databases(postgres.port, ("ticketing",))
            environment = {
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": ministack["endpoint"],
                "RESERVATION_REQUESTS_TABLE": _TABLE,
                "DATABASE_URL": postgres.application_url("ticketing"),
            }
            migrate = [sys.executable, "-m", "subgraphs.chassis.migrate", "ticketing"]
            subprocess.run(migrate, cwd=_ROOT, env=environment, check=True, capture_output=True, timeout=120)
            with _served(environment, _make_table(ministack["endpoint"]), postgres.url("ticketing")) as stage:
                yield stage
    finally:
        shutil.rmtree(here, ignore_errors=True)


@contextmanager
def _served(environment: dict[str, str], dynamodb: Any, database: str) -> Iterator[Stage]:
    keys = {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}
    own = {"SERVICE_TOKEN_JWKS": _jwks(keys), "TICKET_SIGNING_KEY": _pem(Ed25519PrivateKey.generate())}
    port = free_port()
    program = Service("ticketing", "benchmarks.watchers.service:create_app", {}).arguments(port)
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *program], cwd=_ROOT, env={**environment, **own}, stdout=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(port, process)
        yield Stage(port, process.pid, database, dynamodb, keys)
    finally:
        process.terminate()
        process.wait(15)


def _make_table(endpoint: str) -> Any:
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="sa-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": "reservation_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("reservation_id", "line", "sequence")
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "waiting",
                "KeySchema": [
                    {"AttributeName": "line", "KeyType": "HASH"},
                    {"AttributeName": "sequence", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["since"]},
            }
        ],
    )
    return client


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the service did not start")
        time.sleep(0.1)


def _jwks(keys: dict[str, Ed25519PrivateKey]) -> str:
    to_jwk = jwt.algorithms.OKPAlgorithm.to_jwk
    return json.dumps({"keys": [{**json.loads(to_jwk(key.public_key())), "kid": name} for name, key in keys.items()]})


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
