"""Ticketing, payments, concessions and notifications on real databases with the sandbox bank, and no flow that runs.

A test walks the flow's steps as far as it likes and then loses the execution: what is left is the reconciliation's.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import jwt
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.local.sandbox.app import create_app as create_sandbox
from infra.local.sandbox.settings import Settings as SandboxSettings
from subgraphs.chassis import events
from subgraphs.chassis.consumer import EventConsumer
from subgraphs.chassis.database import Database
from subgraphs.concessions import app as concessions
from subgraphs.concessions.settings import Settings as ConcessionsSettings
from subgraphs.concessions.tables import product_stock, products
from subgraphs.notifications import app as notifications
from subgraphs.notifications import repository as contacts
from subgraphs.notifications.domain.contact import Contact, Language
from subgraphs.notifications.errors import SendFailed
from subgraphs.notifications.rendering import Email
from subgraphs.notifications.settings import Settings as NotificationsSettings
from subgraphs.notifications.use_cases.send_notifications import send_notifications
from subgraphs.notifications.use_cases.take_event import take_event
from subgraphs.payments import app as payments
from subgraphs.payments.settings import Settings as PaymentsSettings
from subgraphs.ticketing import app as ticketing
from subgraphs.ticketing.settings import Settings as TicketingSettings
from tests.subgraphs.payments.conftest import PIX_SECRET, STRIPE_SECRET, listening_socket, serve
from tests.subgraphs.ticketing.conftest import FEE, LAWN, PRICE, VENUE, end_hold, fill, wanted
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient

T = TypeVar("T")
SERVICES = ("ticketing", "payments", "concessions", "notifications")
TICKET, POPCORN_PRICE, IN_STOCK = PRICE + FEE, 1_500, 10
POPCORN = UUID(int=77)
_PATIENCE_SECONDS = 60.0


class Mailbox:
    """Stands for the mail provider: what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.is_down = False

    async def send_email(self, recipient: str, email: Email) -> str:
        if self.is_down:
            raise SendFailed("Down")
        self.sent.append((recipient, email.subject))
        return str(uuid4())

    async def send_sms(self, recipient: str, text: str) -> str:
        raise AssertionError("nobody asked for an SMS")


@dataclass
class Topic:
    """Stands for SNS: keeps what is published until a test delivers or loses it."""

    waiting: list[str] = field(default_factory=list)

    def publish(self, *, TopicArn: str, Message: str, MessageAttributes: Any) -> None:  # noqa: N803
        self.waiting.append(Message)

    @property
    def told(self) -> list[str]:
        return [json.loads(message)["id"] for message in self.waiting]


@dataclass
class Buyer:
    """Who has a reservation that holds one place, maybe popcorn with it, and the payments that were opened for it."""

    customer_id: UUID
    reservation_id: UUID
    payments: list[str] = field(default_factory=list)

    @property
    def whose(self) -> dict[str, str]:
        return {"reservation_id": str(self.reservation_id), "customer_id": str(self.customer_id)}

    @property
    def address(self) -> str:
        return f"{self.customer_id}@example.org"

    def paid(self, amount_minor: int, number: int = -1) -> dict[str, Any]:
        return {**self.whose, "payment_id": self.payments[number], "amount_minor": amount_minor}


class World:
    def __init__(self, database_url: Callable[[str], str]) -> None:
        self._database_url = database_url
        self._keys = {caller: Ed25519PrivateKey.generate() for caller in ("gateway", "workers")}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self.urls: dict[str, str] = {}
        self.databases: dict[str, Database] = {}
        self.mailbox, self.topic = Mailbox(), Topic()
        self.steps: ReservationSteps

    @contextmanager
    def opened(self) -> Iterator["World"]:
        self._thread.start()
        try:
            self._wait(self._open())
            pem = self._keys["workers"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            services = {name: f"{url}/graphql" for name, url in self.urls.items()}
            client = SubgraphClient(services, ServiceTokens(lambda: pem))
            self.steps = ReservationSteps(client, self.topic, "topic")  # type: ignore[arg-type]
            yield self
        finally:
            self.steps.services._http.close()
            self._wait(self._stack.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    async def _open(self) -> None:
        jwks = json.dumps(
            {
                "keys": [
                    {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": caller}
                    for caller, key in self._keys.items()
                ]
            }
        )
        sockets = {name: listening_socket() for name in (*SERVICES, "sandbox")}
        self.urls = {name: url for name, (_, url) in sockets.items()}
        signing = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        common: dict[str, dict[str, Any]] = {
            name: {"database_url": self._database_url(name), "service_token_jwks": jwks} for name in SERVICES
        }
        sandbox = self.urls["sandbox"]
        apps = {
            "ticketing": ticketing.create_app(
                TicketingSettings(
                    **common["ticketing"], reservation_requests_table="none", ticket_signing_key=signing.decode()
                )
            ),
            "payments": payments.create_app(
                PaymentsSettings(
                    **common["payments"],
                    pix_base_url=sandbox,
                    pix_client_id="bilhetagem",
                    pix_client_secret="of-tests",
                    pix_key="123e4567-e12b-12d1-a456-426655440000",
                    pix_webhook_secret=PIX_SECRET,
                    stripe_api_base=sandbox,
                    stripe_api_key="sk_test_of_tests",
                    stripe_webhook_secret=STRIPE_SECRET,
                )
            ),
            "concessions": concessions.create_app(ConcessionsSettings(**common["concessions"])),
            "notifications": notifications.create_app(
                NotificationsSettings(**common["notifications"], sender_email="ingressos@bilhetagem.example")
            ),
            "sandbox": create_sandbox(
                SandboxSettings(
                    pix_client_id="bilhetagem",
                    pix_client_secret="of-tests",
                    pix_webhook_url=f"{self.urls['payments']}/webhooks/pix",
                    pix_webhook_secret=PIX_SECRET,
                    stripe_api_key="sk_test_of_tests",
                    stripe_webhook_url=f"{self.urls['payments']}/webhooks/stripe",
                    stripe_webhook_secret=STRIPE_SECRET,
                    refund_seconds=0.05,
                    slow_card_seconds=3,
                )
            ),
        }
        for name in SERVICES:
            self.databases[name] = Database(common[name]["database_url"])
            self._stack.push_async_callback(self.databases[name].dispose)
        for name, app in apps.items():
            await self._stack.enter_async_context(serve(app, sockets[name][0]))

    def begin_anew(self) -> None:
        """Nothing sold, nothing owed, nothing told; ten of popcorn."""
        self._wait(self._begin_anew())
        self.topic.waiting.clear()
        self.mailbox.sent.clear()
        self.mailbox.is_down = False
        httpx.put(f"{self.urls['sandbox']}/faults/pix", json={}).raise_for_status()

    async def _begin_anew(self) -> None:
        await fill(self.databases["ticketing"])
        # In the order in which the services' own tasks lock them, which go on meanwhile.
        for name, tables in {
            "payments": "idempotency, webhook_events, payments, refunds, outbox",
            "concessions": "concession_orders, reservations, concession_order_items, product_stock, outbox,"
            " idempotency, products",
            "notifications": "notifications, inbox, outbox, contacts",
        }.items():
            async with self.databases[name].transaction() as connection:
                await connection.execute(sa.text(f"TRUNCATE {tables}"))
        async with self.databases["concessions"].transaction() as connection:
            await connection.execute(
                products.insert().values(
                    id=POPCORN,
                    category="SNACK",
                    name_pt="Pipoca",
                    name_en="Popcorn",
                    description_pt="boa",
                    description_en="good",
                    event_kinds=[],
                    price_minor=POPCORN_PRICE,
                    position=0,
                )
            )
            await connection.execute(
                product_stock.insert().values(venue_id=VENUE, product_id=POPCORN, available=IN_STOCK)
            )

    def sql(self, service: str, statement: str, **values: Any) -> list[Any]:
        """Rows of a statement in a service's own database."""

        async def run() -> list[Any]:
            async with self.databases[service].transaction() as connection:
                result = await connection.execute(sa.text(statement), values)
                return list(result) if result.returns_rows else []

        return self._wait(run())

    def ask(self, service: str, document: str, given: dict[str, Any], customer: UUID | None = None) -> dict[str, Any]:
        """What a service answers the gateway (for this customer); without one, the workers."""
        caller, now = "gateway" if customer else "workers", int(time.time())
        claims: dict[str, Any] = {"iss": caller, "aud": service, "iat": now, "exp": now + 60}
        if customer is not None:
            claims |= {"sub": str(customer), "scope": "customer"}
        token = jwt.encode(claims, self._keys[caller], algorithm="EdDSA", headers={"kid": caller})
        response = httpx.post(
            f"{self.urls[service]}/graphql",
            json={"query": document, "variables": given},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        answer: dict[str, Any] = response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def buyer(self) -> Buyer:
        """A place of the lawn is held for somebody whom notifications know."""
        customer = uuid4()

        async def learn() -> None:
            contact = Contact(customer, "Ana", f"{customer}@example.org", None, Language.PT_BR, True, False)
            async with self.databases["notifications"].transaction() as connection:
                await contacts.save_contact(connection, contact, datetime.now(UTC))

        self._wait(learn())
        document = """mutation ($requests: [AllocationRequest!]!) {
            allocateReservations(requests: $requests) { reservationId status } }"""
        [held] = self.ask("ticketing", document, {"requests": [wanted(customer, LAWN)]})["allocateReservations"]
        assert held["status"] == "HELD"
        return Buyer(customer, UUID(held["reservationId"]))

    def order(self, buyer: Buyer, popcorn: int) -> None:
        document = """mutation ($input: PlaceConcessionOrderInput!) {
            placeConcessionOrder(input: $input) { order { id } errors { code } } }"""
        given = {
            "reservationId": str(buyer.reservation_id),
            "venueId": str(VENUE),
            "items": [{"productId": str(POPCORN), "quantity": popcorn}],
            "idempotencyKey": uuid4().hex,
        }
        answer = self.ask("concessions", document, {"input": given}, buyer.customer_id)["placeConcessionOrder"]
        assert answer["errors"] == []

    def charge(self, buyer: Buyer, amount_minor: int, *, reference: str | None = None, card: str | None = None) -> str:
        """Opens a charge by Pix, or by a card of the sandbox; its raw id."""
        create = """mutation ($input: CreatePaymentInput!) {
            createPayment(input: $input) { payment { id } errors { code message } } }"""
        submit = """mutation ($input: SubmitPaymentInput!) {
            submitPayment(input: $input) { payment { id } errors { code message } } }"""
        given = {
            "reference": reference or f"reservation:{buyer.reservation_id}",
            "amountMinor": amount_minor,
            "currency": "BRL",
            "method": "CARD" if card else "PIX",
            "card": {"paymentMethodId": card} if card else None,
            "expiresAt": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
            "idempotencyKey": uuid4().hex,
        }
        created = self.ask("payments", create, {"input": given}, buyer.customer_id)["createPayment"]
        assert created["errors"] == []
        named = {"input": {"paymentId": created["payment"]["id"]}}
        assert self.ask("payments", submit, named, buyer.customer_id)["submitPayment"]["errors"] == []
        [row] = self.sql("payments", "SELECT id FROM payments ORDER BY created_at DESC LIMIT 1")
        buyer.payments.append(str(row.id))
        return buyer.payments[-1]

    def pay(self, buyer: Buyer, amount_minor: int) -> str:
        """Opens a charge and pays it; returns once payments know."""
        payment_id = self.charge(buyer, amount_minor)
        self.pay_at_the_bank(payment_id)
        self.until(lambda: self.payment(payment_id).status == "SUCCEEDED")
        return payment_id

    def pay_at_the_bank(self, payment_id: str) -> None:
        httpx.post(f"{self.urls['sandbox']}/charges/{payment_id}/pay", timeout=30).raise_for_status()

    def faults(self, **switched: Any) -> None:
        httpx.put(f"{self.urls['sandbox']}/faults/pix", json=switched).raise_for_status()

    def end_hold(self, buyer: Buyer) -> None:
        """Its time is over, in every service."""
        self._wait(end_hold(self.databases["ticketing"], buyer.reservation_id))
        over = "now() - interval '1 second'"
        self.sql(
            "concessions",
            f"UPDATE concession_orders SET expires_at = {over} WHERE reservation_id = :id",
            id=buyer.reservation_id,
        )
        self.sql(
            "payments",
            f"UPDATE payments SET expires_at = {over} WHERE reference = :reference",
            reference=f"reservation:{buyer.reservation_id}",
        )

    def take_over(self, buyer: Buyer) -> Buyer:
        """Somebody else holds the place that the buyer's hold has let go of."""
        self.ask("ticketing", "mutation { sweepExpiredHolds }", {})
        for _ in range(5):
            other = self.buyer()
            if self._units(other) == self._units(buyer):
                return other
        raise AssertionError("nobody got the same place")

    def _units(self, buyer: Buyer) -> list[Any]:
        return self.sql(
            "ticketing", "SELECT unit_id FROM reservation_units WHERE reservation_id = :id", id=buyer.reservation_id
        )

    def cancel(self, buyer: Buyer) -> None:
        """The buyer gives the reservation back; the flow hears nothing of it."""
        from subgraphs.chassis.graphql import global_id

        document = """mutation ($input: CancelReservationInput!) {
            cancelReservation(input: $input) { errors { code } } }"""
        given = {"reservationId": global_id.encode("Reservation", buyer.reservation_id), "idempotencyKey": uuid4().hex}
        answer = self.ask("ticketing", document, {"input": given}, buyer.customer_id)
        assert answer["cancelReservation"]["errors"] == []

    def deliver(self) -> None:
        """What was published reaches notifications, which send what it leads to."""

        async def send(event: events.DomainEvent) -> None:
            await send_notifications(self.databases["notifications"], self.mailbox, event.id)

        async def take(message: str) -> None:
            consumer = EventConsumer(
                "no-queue",
                self.databases["notifications"],
                take_event,
                aws=None,  # type: ignore[arg-type]
                after_commit=send,
            )
            await consumer.handle(events.decode(message))

        while self.topic.waiting:
            self._wait(take(self.topic.waiting.pop(0)))

    def status(self, buyer: Buyer) -> str:
        [row] = self.sql("ticketing", "SELECT status FROM reservations WHERE id = :id", id=buyer.reservation_id)
        return str(row.status)

    def payment(self, payment_id: str) -> Any:
        [row] = self.sql("payments", "SELECT * FROM payments WHERE id = :id", id=UUID(payment_id))
        return row

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{holds} did not come true"
            time.sleep(0.02)

    def books(self, buyer: Buyer) -> dict[str, Any]:
        """A buyer's money captured and given back (or on its way), live tickets, popcorn ordered, and mails sent."""
        reference = f"reservation:{buyer.reservation_id}"
        [money] = self.sql(
            "payments",
            """SELECT coalesce(sum(captured_minor), 0) AS captured,
                (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
                    WHERE p.reference = :reference AND r.status <> 'FAILED') AS returned
            FROM payments WHERE reference = :reference""",
            reference=reference,
        )
        tickets = self.sql(
            "ticketing",
            "SELECT 1 FROM tickets WHERE reservation_id = :id AND status = 'ISSUED'",
            id=buyer.reservation_id,
        )
        ordered = self.sql(
            "concessions",
            """SELECT total_minor FROM concession_orders WHERE reservation_id = :id
            AND status IN ('PLACED', 'PAID')""",
            id=buyer.reservation_id,
        )
        return {
            "status": self.status(buyer),
            "captured": int(money.captured),
            "returned": int(money.returned),
            "tickets": len(tickets),
            "ordered": sum(row.total_minor for row in ordered),
            "mails": sum(recipient == buyer.address for recipient, _ in self.mailbox.sent),
        }
