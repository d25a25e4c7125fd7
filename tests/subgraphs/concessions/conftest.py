"""The concessions service on a real database, called the way the gateway and the workers call it."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from subgraphs.chassis.database import Database
from subgraphs.concessions.app import create_app
from subgraphs.concessions.settings import Settings
from subgraphs.concessions.tables import metadata, product_stock, products

VENUE = UUID("00000000-0000-4000-8000-00000000aaaa")
OTHER_VENUE = UUID("00000000-0000-4000-8000-00000000bbbb")
POPCORN, SODA, BEER, COMBO, SCARF = (UUID(f"00000000-0000-4000-8000-00000000000{n}") for n in range(1, 6))


# (id, category, name in pt-BR, name in en, price, kinds, minimum age)
MENU: tuple[tuple[Any, ...], ...] = (
    (POPCORN, "SNACK", "Pipoca", "Popcorn", 1500, ["CINEMA", "FOOTBALL"], None),
    (SODA, "DRINK", "Refrigerante", "Soft drink", 900, ["CINEMA", "FOOTBALL"], None),
    (BEER, "DRINK", "Cerveja", "Beer", 1200, ["FOOTBALL"], 18),
    (COMBO, "COMBO", "Combo Pipoca", "Popcorn combo", 2200, ["CINEMA", "FOOTBALL"], None),
    (SCARF, "MERCHANDISE", "Cachecol", "Scarf", 7900, ["FOOTBALL"], None),
)


@pytest.fixture
def url(database: Callable[[str], str]) -> str:
    return database("concessions")


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """An empty database with the menu and ten of everything at VENUE, three at OTHER_VENUE (no scarf there)."""
    opened = Database(url)
    async with opened.transaction() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())
        for position, (id_, category, pt, en, price, kinds, age) in enumerate(MENU):
            await connection.execute(
                products.insert().values(
                    id=id_,
                    category=category,
                    name_pt=pt,
                    name_en=en,
                    description_pt=f"{pt} boa",
                    description_en=f"Good {en.lower()}",
                    event_kinds=kinds,
                    price_minor=price,
                    minimum_age=age,
                    position=position,
                )
            )
            await connection.execute(product_stock.insert().values(venue_id=VENUE, product_id=id_, available=10))
            if id_ != SCARF:
                await connection.execute(
                    product_stock.insert().values(venue_id=OTHER_VENUE, product_id=id_, available=3)
                )
    yield opened
    await opened.dispose()


@pytest.fixture
def stock(db: Database) -> Callable[[UUID], Awaitable[tuple[int, int, int]]]:
    """`await stock(POPCORN)` → (available, reserved, sold) at VENUE."""

    async def read(product_id: UUID, venue_id: UUID = VENUE) -> tuple[int, int, int]:
        async with db.connect() as connection:
            row = (
                await connection.execute(
                    sa.select(product_stock).where(
                        product_stock.c.product_id == product_id, product_stock.c.venue_id == venue_id
                    )
                )
            ).one()
        return row.available, row.reserved, row.sold

    return read


@pytest.fixture
def published(db: Database) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """`await published()` → the events waiting in the outbox, oldest first."""

    async def read() -> list[dict[str, Any]]:
        async with db.connect() as connection:
            rows = await connection.execute(
                sa.select(metadata.tables["outbox"].c.payload).order_by(metadata.tables["outbox"].c.position)
            )
            return [json.loads(payload) for (payload,) in rows]

    return read


@pytest.fixture(scope="session")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}


@dataclass
class Service:
    """`await service(document, variables, caller=…, customer=…)` → the GraphQL response as data."""

    client: httpx.AsyncClient
    keys: dict[str, Ed25519PrivateKey]

    def token(self, caller: str, customer: UUID | None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": "concessions", "iat": now, "exp": now + 60}
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
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token(caller, customer)}", "Accept-Language": language}
        response = await self.client.post("/graphql", json={"query": document, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def place(
        self,
        reservation: UUID,
        customer: UUID | None,
        items: list[tuple[UUID, int]],
        *,
        key: str | None = None,
        venue: UUID = VENUE,
        **more: Any,
    ) -> dict[str, Any]:
        answer = await self(
            """mutation ($input: PlaceConcessionOrderInput!) { placeConcessionOrder(input: $input) {
                order { id totalMinor currency status }
                errors { __typename code message field ... on OutOfStock { productIds }
                         ... on ProductAgeRestricted { productIds } } } }""",
            {
                "input": {
                    "reservationId": str(reservation),
                    "venueId": str(venue),
                    "items": [{"productId": str(product), "quantity": quantity} for product, quantity in items],
                    "idempotencyKey": key or uuid4().hex,
                    **more,
                }
            },
            customer=customer,
        )
        payload: dict[str, Any] = answer["data"]["placeConcessionOrder"]
        return payload

    async def confirm(self, reservation: UUID, customer: UUID, **more: Any) -> dict[str, Any]:
        answer = await self(
            """mutation ($input: ConfirmConcessionOrderInput!) { confirmConcessionOrder(input: $input) {
                status pickupCode totalMinor items { name quantity } } }""",
            {
                "input": {
                    "reservationId": str(reservation),
                    "customerId": str(customer),
                    "paymentId": str(uuid4()),
                    **more,
                }
            },
            caller="workers",
        )
        payload: dict[str, Any] = answer["data"]["confirmConcessionOrder"]
        return payload

    async def end(self, how: str, reservation: UUID, customer: UUID) -> dict[str, Any]:
        """`how` is `expire` or `cancel`."""
        answer = await self(
            f"""mutation ($input: {how.capitalize()}ConcessionOrderInput!) {{
                ended: {how}ConcessionOrder(input: $input) {{ status totalMinor }} }}""",
            {"input": {"reservationId": str(reservation), "customerId": str(customer)}},
            caller="workers",
        )
        payload: dict[str, Any] = answer["data"]["ended"]
        return payload


@pytest.fixture
async def service(
    db: Database, url: str, keys: dict[str, Ed25519PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    for name in ("EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    jwks = [
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
        for caller, key in keys.items()
    ]
    app = create_app(Settings(database_url=url, service_token_jwks=json.dumps({"keys": jwks})))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://concessions") as client,
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
