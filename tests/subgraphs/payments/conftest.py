"""Payments on a real database, the bank and the card company beside it, each behind a server of its own."""

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import sqlalchemy as sa
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from infra.local.sandbox.app import create_app as create_sandbox
from infra.local.sandbox.settings import Settings as SandboxSettings
from subgraphs.chassis.app import Running
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.payments.app import create_app, open_ports
from subgraphs.payments.domain.payment import Payment, PaymentMethod
from subgraphs.payments.ports import Ports
from subgraphs.payments.settings import Settings
from subgraphs.payments.tables import metadata
from subgraphs.payments.use_cases.create_payment import Created, CreatePayment, create_payment, outcome_of
from subgraphs.payments.use_cases.submit_payment import submit_payment

PIX_SECRET = "pix-webhook-secret-of-tests"
STRIPE_SECRET = "whsec_of_tests_long_enough"
BACKGROUND_S = 60.0
"""How long what happens beside the requests may take on a busy machine."""

PAYMENT = """id status amount { amountMinor } refunded { amountMinor } pix { brCode qrCodeSvg expiresAt }
    card { brand last4 } failure { code message }"""


@pytest.fixture
def url(database: Callable[[str], str]) -> str:
    return database("payments")


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """Empty."""
    opened = Database(url)
    async with opened.transaction() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())
    yield opened
    await opened.dispose()


@pytest.fixture(scope="session")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}


@dataclass
class World:
    """`await world(document, variables, caller=…, customer=…)` → the GraphQL response as data."""

    payments: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    db: Database
    keys: dict[str, Ed25519PrivateKey]

    async def __call__(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        caller: str = "workers",
        customer: UUID | None = None,
        language: str = "en",
    ) -> dict[str, Any]:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": "payments", "iat": now, "exp": now + 60}
        if customer is not None:
            claims |= {"sub": str(customer), "scope": "customer"}
        token = jwt.encode(claims, self.keys[caller], algorithm="EdDSA", headers={"kid": caller})
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        # Escaped, so that halves of surrogate pairs can be sent too.
        body = json.dumps({"query": document, "variables": variables})
        response = await self.payments.post(
            "/graphql", content=body, headers={**headers, "Content-Type": "application/json"}
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def create(self, payer: UUID, *, language: str = "en", **changed: Any) -> dict[str, Any]:
        """Recorded, then submitted: the last payload. By Pix, R$ 150,00, ten minutes, unless told otherwise."""
        payload = await self._record(payer, self._input(changed), language)
        return payload if payload["errors"] else await self.submit(payload["payment"]["id"], payer)

    def _input(self, changed: dict[str, Any]) -> dict[str, Any]:
        return {
            "reference": f"reservation:{uuid4()}",
            "amountMinor": 15_000,
            "currency": "BRL",
            "method": "PIX",
            "description": "Final do campeonato",
            "expiresAt": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
            "idempotencyKey": uuid4().hex,
            **changed,
        }

    async def _record(self, payer: UUID, given: dict[str, Any], language: str = "en") -> dict[str, Any]:
        answer = await self(
            f"""mutation ($input: CreatePaymentInput!) {{ createPayment(input: $input) {{
                payment {{ {PAYMENT} }} errors {{ __typename code message field }} }} }}""",
            {"input": given},
            caller="gateway",
            customer=payer,
            language=language,
        )
        payload: dict[str, Any] = answer["data"]["createPayment"]
        return payload

    async def recorded(self, payer: UUID, **changed: Any) -> dict[str, Any]:
        """The payment, recorded and not submitted."""
        payload = await self._record(payer, self._input(changed))
        assert payload["errors"] == []
        payment: dict[str, Any] = payload["payment"]
        return payment

    async def submit(self, payment_id: str, payer: UUID) -> dict[str, Any]:
        """The payload of `submitPayment`."""
        answer = await self(
            f"""mutation ($input: SubmitPaymentInput!) {{ submitPayment(input: $input) {{
                payment {{ {PAYMENT} }} errors {{ __typename code message field }} }} }}""",
            {"input": {"paymentId": payment_id}},
            caller="gateway",
            customer=payer,
        )
        payload: dict[str, Any] = answer["data"]["submitPayment"]
        return payload

    async def created(self, payer: UUID, **changed: Any) -> dict[str, Any]:
        """The payment; nothing may have been wrong with it."""
        payload = await self.create(payer, **changed)
        assert payload["errors"] == []
        payment: dict[str, Any] = payload["payment"]
        return payment

    async def by_card(self, payer: UUID, card: str = "pm_card_visa", **changed: Any) -> dict[str, Any]:
        """The payload of `createPayment` by this card."""
        return await self.create(payer, method="CARD", card={"paymentMethodId": card}, **changed)

    async def payment(self, payment_id: str, payer: UUID) -> dict[str, Any] | None:
        answer = await self(
            f"query ($id: ID!) {{ payment(id: $id) {{ {PAYMENT} }} }}",
            {"id": payment_id},
            caller="gateway",
            customer=payer,
        )
        found: dict[str, Any] | None = answer["data"]["payment"]
        return found

    async def until(self, status: str, payment_id: str, payer: UUID) -> dict[str, Any]:
        """The payment once it has this status."""
        found = None
        deadline = time.monotonic() + BACKGROUND_S
        while time.monotonic() < deadline:
            found = await self.payment(payment_id, payer)
            if found is not None and found["status"] == status:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"not {status} in time but {found}")

    async def work(self, operation: str, selection: str, given: dict[str, Any]) -> dict[str, Any]:
        """What a worker's operation answers; no error at the top."""
        kind = operation[0].upper() + operation[1:] + "Input!"
        answer = await self(
            f"mutation ($input: {kind}) {{ {operation}(input: $input) {{ {selection} }} }}", {"input": given}
        )
        assert "errors" not in answer, answer
        result: dict[str, Any] = answer["data"][operation]
        return result

    async def reconcile(self, reference: str) -> list[dict[str, Any]]:
        answer = await self.work(
            "reconcilePayments",
            "payments { paymentId status amountMinor method reference payerId }",
            {"reference": reference},
        )
        found: list[dict[str, Any]] = answer["payments"]
        return found

    async def refund(self, payment_id: str, **given: Any) -> dict[str, Any]:
        values = {"paymentId": raw(payment_id), "reason": "cancelled", "idempotencyKey": uuid4().hex, **given}
        return await self.work("refundPayment", "refundId status errors { code field }", values)

    async def pay(self, payment_id: str, how: str = "pay") -> None:
        """What the payer does in the bank's app; `how` as the sandbox calls it."""
        response = await self.sandbox.post(f"/charges/{raw(payment_id)}/{how}")
        assert response.status_code == 200, response.text

    async def faults(self, company: str, **switched: Any) -> None:
        response = await self.sandbox.put(f"/faults/{company}", json=switched)
        assert response.status_code == 200, response.text

    async def events(self, payment_id: str) -> list[dict[str, Any]]:
        """What was published of this payment, oldest first."""
        outbox = metadata.tables["outbox"]
        async with self.db.connect() as connection:
            rows = await connection.execute(sa.select(outbox.c.payload).order_by(outbox.c.position))
            all_events = [json.loads(payload) for (payload,) in rows]
        return [event for event in all_events if event["subject"] == raw(payment_id)]

    async def event_types(self, payment_id: str) -> list[str]:
        return [event["type"] for event in await self.events(payment_id)]

    async def outcomes(self) -> list[str | None]:
        """What came of each stored webhook message; None: not processed yet."""
        async with self.db.connect() as connection:
            rows = await connection.execute(sa.text("SELECT outcome FROM webhook_events ORDER BY id"))
            return [outcome for (outcome,) in rows]

    async def told(self, provider: str, body: bytes, **how: Any) -> int:
        """The status with which a signed delivery is answered; `how` as of `signed`."""
        response = await self.payments.post(
            f"/webhooks/{provider}", content=body, headers=signed(provider, body, **how)
        )
        return response.status_code

    async def look_now(self) -> None:
        """What the background would look at later is due now."""
        async with self.db.transaction() as connection:
            await connection.execute(sa.text("UPDATE payments SET check_at = now()"))
            await connection.execute(sa.text("UPDATE payments SET withdraw_at = now() WHERE withdraw_at IS NOT NULL"))
            await connection.execute(sa.text("UPDATE refunds SET check_at = now()"))
            await connection.execute(sa.text("UPDATE webhook_events SET due_at = now()"))

    async def until_processed(self, count: int, *, impatient: bool = False) -> list[str | None]:
        """The outcomes once that many webhook messages are stored and all are processed; `impatient` skips pauses."""
        outcomes: list[str | None] = []
        deadline = time.monotonic() + BACKGROUND_S
        while time.monotonic() < deadline:
            outcomes = await self.outcomes()
            if len(outcomes) == count and None not in outcomes:
                return outcomes
            if impatient:
                await self.look_now()
            await asyncio.sleep(0.05)
        raise AssertionError(f"not {count} webhooks processed in time but {outcomes}")


def signed(provider: str, body: bytes, *, age_s: float = 0, secret: str | None = None) -> dict[str, str]:
    """The headers of a delivery `age_s` seconds ago, by both companies' scheme."""
    header, own = {"pix": ("x-pix-signature", PIX_SECRET), "stripe": ("stripe-signature", STRIPE_SECRET)}[provider]
    timestamp = int(time.time() - age_s)
    digest = hmac.new((secret or own).encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {header: f"t={timestamp},v1={digest}"}


def pix_received(payment_id: str, *, amount: str = "150.00", number: int = 1) -> bytes:
    """The bank's message that this payment's code was paid."""
    pix = {"endToEndId": f"E{number:031}", "txid": raw(payment_id).replace("-", ""), "valor": amount}
    return json.dumps({"pix": [pix]}).encode()


def raw(payment_id: str) -> str:
    """The UUID in a payment's global id."""
    found = global_id.decode("Payment", payment_id)
    assert found is not None
    return str(found)


def error_codes(payload: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in payload["errors"]]


def listening_socket() -> tuple[socket.socket, str]:
    """A socket on a free port, so that two servers can know of each other before they start."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@asynccontextmanager
async def serve(app: FastAPI, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
def make_settings(
    url: str, keys: dict[str, Ed25519PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Settings]:
    for name in ("EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    jwks = [
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
        for caller, key in keys.items()
    ]

    def make(sandbox_url: str) -> Settings:
        return Settings(
            database_url=url,
            service_token_jwks=json.dumps({"keys": jwks}),
            pix_base_url=sandbox_url,
            pix_client_id="bilhetagem",
            pix_client_secret="of-tests",
            pix_key="123e4567-e12b-12d1-a456-426655440000",
            pix_webhook_secret=PIX_SECRET,
            stripe_api_base=sandbox_url,
            stripe_api_key="sk_test_of_tests",
            stripe_webhook_secret=STRIPE_SECRET,
        )

    return make


@pytest.fixture
def sandbox_settings() -> Callable[[str], SandboxSettings]:
    def make(payments_url: str) -> SandboxSettings:
        return SandboxSettings(
            pix_client_id="bilhetagem",
            pix_client_secret="of-tests",
            pix_webhook_url=f"{payments_url}/webhooks/pix",
            pix_webhook_secret=PIX_SECRET,
            stripe_api_key="sk_test_of_tests",
            stripe_webhook_url=f"{payments_url}/webhooks/stripe",
            stripe_webhook_secret=STRIPE_SECRET,
            slow_card_seconds=30,
            refund_seconds=0.1,
        )

    return make


@pytest.fixture
async def world(
    db: Database,
    keys: dict[str, Ed25519PrivateKey],
    make_settings: Callable[[str], Settings],
    sandbox_settings: Callable[[str], SandboxSettings],
) -> AsyncIterator[World]:
    payments_socket, payments_url = listening_socket()
    sandbox_socket, sandbox_url = listening_socket()
    async with (
        serve(create_sandbox(sandbox_settings(payments_url)), sandbox_socket),
        serve(create_app(make_settings(sandbox_url)), payments_socket),
        httpx.AsyncClient(base_url=payments_url, timeout=20, trust_env=False) as payments,
        httpx.AsyncClient(base_url=sandbox_url, timeout=20, trust_env=False) as sandbox,
    ):
        yield World(payments, sandbox, db, keys)


@dataclass
class Desk:
    """The use cases by themselves, with both companies behind a server: for what HTTP would only slow down."""

    ports: Ports
    sandbox: httpx.AsyncClient

    def wanted(self, **changed: Any) -> CreatePayment:
        """By Pix, R$ 150,00, ten minutes, of a new payer, unless told otherwise."""
        given: dict[str, Any] = {
            "payer_id": uuid4(),
            "reference": f"reservation:{uuid4()}",
            "amount_minor": 15_000,
            "currency": "BRL",
            "method": PaymentMethod.PIX,
            "card_token": None,
            "description": None,
            "payer_name": None,
            "expires_at": datetime.now(UTC) + timedelta(minutes=10),
            "idempotency_key": uuid4().hex,
        }
        return CreatePayment(**{**given, **changed})

    async def pay(self, wanted: CreatePayment) -> Created:
        """Recorded and submitted, as the checkout does."""
        created = await create_payment(self.ports, wanted)
        if created.refusal is not None or created.payment is None:
            return created
        return outcome_of(await submit_payment(self.ports, created.payment))

    async def record(self, wanted: CreatePayment) -> Payment:
        """Recorded and not submitted."""
        created = await create_payment(self.ports, wanted)
        assert created.payment is not None
        return created.payment

    async def open_charges(self) -> list[str]:
        """References of what could be paid at the companies at this moment."""
        found = (await self.sandbox.get("/charges", params={"limit": 200})).json()
        return [charge["reference"] for charge in found]


@asynccontextmanager
async def open_desk(settings: Settings, sandbox_url: str, database: Database) -> AsyncIterator[Desk]:
    running = Running(settings, Aws(settings), database)
    async with (
        open_ports(running) as ports,
        httpx.AsyncClient(base_url=sandbox_url, timeout=20, trust_env=False) as sandbox,
    ):
        yield Desk(ports, sandbox)


@pytest.fixture
async def desk(
    db: Database,
    make_settings: Callable[[str], Settings],
    sandbox_settings: Callable[[str], SandboxSettings],
) -> AsyncIterator[Desk]:
    """Nobody receives the companies' webhooks here."""
    sandbox_socket, sandbox_url = listening_socket()
    async with (
        serve(create_sandbox(sandbox_settings("http://127.0.0.1:9")), sandbox_socket),
        open_desk(make_settings(sandbox_url), sandbox_url, db) as opened,
    ):
        yield opened


@pytest.fixture
def payer() -> UUID:
    return uuid4()
