"""The ticketing service on a real database, called the way the gateway and the workers call it."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.app import create_app
from subgraphs.ticketing.settings import Settings
from subgraphs.ticketing.tables import events, metadata, organisers, reservations, sectors, sessions, units, venues

REGION = "sa-east-1"
ORGANISER, VENUE, EVENT, SESSION = (UUID(f"00000000-0000-4000-8000-00000000000{n}") for n in range(1, 5))
STAND, LAWN = (UUID(f"00000000-0000-4000-8000-0000000000a{n}") for n in range(1, 3))
SEATS = [UUID(f"00000000-0000-4000-8000-000000001{n:03}") for n in range(6)]
PLACES = [UUID(f"00000000-0000-4000-8000-000000002{n:03}") for n in range(5)]
PRICE, FEE = 10_000, 1_000
TICKET_LIMIT = 4


@pytest.fixture(scope="session")
def signing_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def url(database: Callable[[str], str]) -> str:
    return database("ticketing")


async def fill(db: Database, *, limit: int = TICKET_LIMIT) -> None:
    """One match with a stand of six numbered seats and a lawn of five places, and nothing sold."""
    async with db.transaction() as connection:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        await connection.execute(sa.text(f"TRUNCATE {names}"))
        await connection.execute(organisers.insert().values(id=ORGANISER, name="Liga"))
        await connection.execute(
            venues.insert().values(
                id=VENUE,
                name="Arena",
                city="São Paulo",
                state="SP",
                address="Rua A, 1",
                time_zone="America/Sao_Paulo",
            )
        )
        await add_event(connection, EVENT, SESSION, "Palmeiras × Santos", days=3, limit=limit)
        for position, (id_, name, numbered, ids) in enumerate(
            ((STAND, "Arquibancada", True, SEATS), (LAWN, "Gramado", False, PLACES))
        ):
            await connection.execute(
                sectors.insert().values(
                    id=id_,
                    session_id=SESSION,
                    position=position,
                    name=name,
                    numbered=numbered,
                    capacity=len(ids),
                    price_minor=PRICE,
                    service_fee_minor=FEE,
                )
            )
            await connection.execute(
                units.insert().values(
                    [
                        {
                            "id": unit,
                            "sector_id": id_,
                            "position": place,
                            "label": f"{name[0]}-{place + 1}",
                            "kind": "SEAT" if numbered else "PLACE",
                        }
                        for place, unit in enumerate(ids)
                    ]
                )
            )


async def add_event(
    connection: Any, event_id: UUID, session_id: UUID, name: str, *, days: float, limit: int = 10, **values: Any
) -> None:
    """An event of one session, ``days`` from now."""
    described = {"kind": "FOOTBALL", "age_rating": "L", "category": "Paulista", **values}
    await connection.execute(
        events.insert().values(id=event_id, organiser_id=ORGANISER, name=name, ticket_limit=limit, **described)
    )
    await connection.execute(
        sessions.insert().values(
            id=session_id,
            event_id=event_id,
            venue_id=VENUE,
            starts_at=datetime.now(UTC) + timedelta(days=days),
            status="ON_SALE",
            hold_minutes=15,
            numbered_seats=True,
        )
    )


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    await fill(opened)
    yield opened
    await opened.dispose()


async def end_hold(db: Database, reservation_id: UUID, in_seconds: int = -1) -> None:
    """As if its minutes had passed, or were about to."""
    over = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, in_seconds)
    async with db.transaction() as connection:
        mine = reservations.c.id == reservation_id
        await connection.execute(reservations.update().where(mine).values(held_until=over))
        held = sa.and_(units.c.reservation_id == reservation_id, units.c.state == "HELD")
        await connection.execute(units.update().where(held).values(held_until=over))


async def counters(db: Database, sector_id: UUID) -> tuple[int, int]:
    """(held, sold) as the sector counts them; they must be what its units say."""
    async with db.connect() as connection:
        row = (await connection.execute(sa.select(sectors).where(sectors.c.id == sector_id))).one()
        states = (await connection.execute(sa.select(units.c.state).where(units.c.sector_id == sector_id))).scalars()
        counted = list(states)
    assert (row.held, row.sold) == (counted.count("HELD"), counted.count("SOLD"))
    return row.held, row.sold


@pytest.fixture
def published(db: Database) -> Callable[[], Any]:
    """`await published()` → the events waiting in the outbox, oldest first."""

    async def read() -> list[dict[str, Any]]:
        outbox = metadata.tables["outbox"]
        async with db.connect() as connection:
            rows = await connection.execute(sa.select(outbox.c.payload).order_by(outbox.c.position))
            return [json.loads(payload) for (payload,) in rows]

    return read


@pytest.fixture(scope="session")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}


def service_token(
    keys: dict[str, Ed25519PrivateKey], caller: str, customer: UUID | None = None, scope: str = "customer"
) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {"iss": caller, "aud": "ticketing", "iat": now, "exp": now + 60}
    if customer is not None:
        claims |= {"sub": str(customer), "scope": scope}
    return jwt.encode(claims, keys[caller], algorithm="EdDSA", headers={"kid": caller})


@dataclass
class Service:
    """`await service(document, variables, caller=…, customer=…)` → the GraphQL response as data."""

    client: httpx.AsyncClient
    keys: dict[str, Ed25519PrivateKey]

    async def __call__(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        caller: str = "gateway",
        customer: UUID | None = None,
        scope: str = "customer",
        language: str = "pt-BR",
    ) -> dict[str, Any]:
        token = service_token(self.keys, caller, customer, scope)
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        response = await self.client.post("/graphql", json={"query": document, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def data(self, document: str, variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        answer = await self(document, variables, **more)
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"]
        return found

    async def allocate(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        document = """mutation ($requests: [AllocationRequest!]!) {
            allocateReservations(requests: $requests) { reservationId status heldUntil } }"""
        answer = await self.data(document, {"requests": list(requests)}, caller="workers")
        outcomes: list[dict[str, Any]] = answer["allocateReservations"]
        return outcomes

    async def held(self, customer: UUID, sector: UUID = LAWN, quantity: int = 1, **more: Any) -> UUID:
        """A reservation that is held."""
        request = wanted(customer, sector, quantity, **more)
        [outcome] = await self.allocate(request)
        assert outcome["status"] == "HELD", outcome
        return UUID(outcome["reservationId"])

    async def confirm(self, reservation: UUID, customer: UUID, amount: int, payment: UUID | None = None) -> Any:
        document = """mutation ($input: ConfirmReservationInput!) { confirmReservation(input: $input) { status order {
            eventId eventName sessionId venueName startsAt timeZone units totalMinor currency
            tickets { id code qrPayload } } } }"""
        given = {
            "reservationId": str(reservation),
            "customerId": str(customer),
            "paymentId": str(payment or uuid4()),
            "amountMinor": amount,
            "currency": "BRL",
        }
        return (await self.data(document, {"input": given}, caller="workers"))["confirmReservation"]

    async def expire(self, reservation: UUID, customer: UUID) -> str:
        document = "mutation ($input: ExpireReservationInput!) { expireReservation(input: $input) { status } }"
        given = {"reservationId": str(reservation), "customerId": str(customer)}
        answer = await self.data(document, {"input": given}, caller="workers")
        status: str = answer["expireReservation"]["status"]
        return status

    async def cancel(self, reservation: UUID, customer: UUID | None, key: str | None = None) -> Any:
        document = """mutation ($input: CancelReservationInput!) { cancelReservation(input: $input) {
            reservation { id status } errors { __typename code field } } }"""
        given = {
            "reservationId": global_id.encode("Reservation", reservation),
            "idempotencyKey": uuid4().hex if key is None else key,
        }
        return (await self.data(document, {"input": given}, customer=customer))["cancelReservation"]

    async def checkout(self, reservation: UUID, customer: UUID | None) -> Any:
        document = """mutation ($input: BeginCheckoutInput!) { beginCheckout(input: $input) {
            checkout { reservationId totalMinor currency heldUntil venueId sessionId eventId eventName sessionDay }
            errors { code message field } } }"""
        given = {"reservationId": str(reservation)}
        return (await self.data(document, {"input": given}, customer=customer))["beginCheckout"]

    async def status(self, reservation: UUID, customer: UUID | None) -> str | None:
        document = "query ($id: ID!) { reservation(id: $id) { status } }"
        answer = await self.data(document, {"id": global_id.encode("Reservation", reservation)}, customer=customer)
        found = answer["reservation"]
        return found["status"] if found is not None else None


def wanted(
    customer: UUID,
    sector: UUID = LAWN,
    quantity: int = 1,
    seats: list[UUID] | None = None,
    *,
    sequence: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """A request as the worker hands it over."""
    return {
        "reservationId": str(uuid4()),
        "customerId": str(customer),
        "sessionId": str(SESSION),
        "sectorId": str(sector),
        "quantity": quantity,
        "seatIds": [str(seat) for seat in seats] if seats is not None else None,
        "idempotencyKey": uuid4().hex,
        "requestedAt": datetime.now(UTC).isoformat(),
        "sequence": str(sequence),
        **more,
    }


@pytest.fixture(scope="session")
def requests_table(aws_endpoint: str) -> str:
    """The table that the gateway writes to."""
    name = f"reservation-requests-{uuid4().hex}"
    dynamodb(aws_endpoint).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "reservation_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": each, "AttributeType": "S"} for each in ("reservation_id", "line", "sequence")
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
    return name


def dynamodb(endpoint: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def put_in_line(aws_endpoint: str, requests_table: str) -> Iterator[Callable[..., UUID]]:
    """`put_in_line(customer, sector, sequence=3)` → the id of a request as the gateway records it."""
    client = dynamodb(aws_endpoint)

    def put(
        customer: UUID,
        sector: UUID = LAWN,
        *,
        sequence: int = 1,
        quantity: int = 1,
        id_: UUID | None = None,
        session: UUID = SESSION,
    ) -> UUID:
        """`sequence` 0 is a request that the queue has not taken yet."""
        reservation_id = id_ or uuid4()
        put.recorded.append(reservation_id)  # type: ignore[attr-defined]
        client.put_item(
            TableName=requests_table,
            Item={
                "reservation_id": {"S": str(reservation_id)},
                "customer_id": {"S": str(customer)},
                "idempotency_key": {"S": "k"},
                "input_hash": {"S": "h"},
                "session_id": {"S": str(session)},
                "sector_id": {"S": str(sector)},
                "quantity": {"N": str(quantity)},
                "line": {"S": f"{session}:{sector}" if sequence else f"unsent:{reservation_id}"},
                "sequence": {"S": f"{sequence:039}"},
                "since": {"S": "2026-01-02T03:04:05.678Z"},
                "requested_at": {"S": "2026-01-02T03:04:05.678Z"},
                "expires_at": {"N": str(int(time.time()) + 3600)},
            },
        )
        return reservation_id

    put.recorded = []  # type: ignore[attr-defined]
    yield put
    for reservation_id in put.recorded:  # type: ignore[attr-defined]
        client.delete_item(TableName=requests_table, Key={"reservation_id": {"S": str(reservation_id)}})
    client.close()


@pytest.fixture
def app(
    db: Database,
    url: str,
    keys: dict[str, Ed25519PrivateKey],
    signing_key: str,
    aws_endpoint: str,
    requests_table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> FastAPI:
    for name in ("EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    jwks = [
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
        for caller, key in keys.items()
    ]
    return create_app(
        Settings(
            database_url=url,
            service_token_jwks=json.dumps({"keys": jwks}),
            aws_endpoint_url=aws_endpoint,
            reservation_requests_table=requests_table,
            ticket_signing_key=signing_key,
        )
    )


@pytest.fixture
async def service(app: FastAPI, keys: dict[str, Ed25519PrivateKey]) -> AsyncIterator[Service]:
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ticketing") as client,
    ):
        yield Service(client, keys)


@pytest.fixture
def count_statements() -> Callable[[], Any]:
    """`with count_statements() as seen:` collects every SQL statement of the process."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
            seen.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)

    return counting
