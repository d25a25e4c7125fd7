"""Whatever comes in whatever order: money is conserved, and states only go forward."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from infra.local.sandbox.bank.ledger import Bank, Refused
from infra.local.sandbox.bank.routes import bank_router
from infra.local.sandbox.faults import Company, Faults, FaultSwitches
from infra.local.sandbox.settings import Settings as SandboxSettings
from infra.local.sandbox.store import Store
from infra.local.sandbox.webhooks import WebhookSender
from subgraphs.chassis.database import Database
from subgraphs.payments.domain.payment import Payment, PaymentMethod
from subgraphs.payments.domain.refunds import COMMITTED, RefundStatus
from subgraphs.payments.domain.states import OPEN, TRANSITIONS, PaymentStatus
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.gateways import pix_signature
from subgraphs.payments.gateways.pix import PixGateway
from subgraphs.payments.ports import Gateways, Ports
from subgraphs.payments.repositories import payments, refunds, webhook_events
from subgraphs.payments.tables import metadata
from subgraphs.payments.use_cases.cancel_payments import cancel_payments
from subgraphs.payments.use_cases.check_unfinished import check_payments, push_refunds, withdraw_charges
from subgraphs.payments.use_cases.create_payment import CreatePayment, create_payment
from subgraphs.payments.use_cases.expire_payment import expire_payment
from subgraphs.payments.use_cases.process_webhooks import process_webhooks
from subgraphs.payments.use_cases.reconcile_payments import reconcile_payments
from subgraphs.payments.use_cases.refund_payment import RefundPayment, refund_payment
from subgraphs.payments.use_cases.submit_payment import submit_payment

from .conftest import PIX_SECRET

PRICE = 10_000
T = TypeVar("T")

EXAMPLES = int(os.environ.get("PAYMENTS_EXAMPLES", "12"))


class AnyOrder(RuleBasedStateMachine):
    """One payment by Pix, a bank in the same process, and a database whose URL the test sets."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock_ahead = timedelta()
        self.bodies: list[bytes] = []
        self.seen: PaymentStatus | None = None
        self.refunded_seen = 0
        self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    async def open(self) -> None:
        self.database = Database(self.url)
        async with self.database.transaction() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())
        told = SandboxSettings(
            pix_client_id="bilhetagem",
            pix_client_secret="of-tests",
            pix_webhook_url="http://payments/webhooks/pix",
            pix_webhook_secret=PIX_SECRET,
            stripe_api_key="unused",
            stripe_webhook_url="http://payments/webhooks/stripe",
            stripe_webhook_secret="unused",
        )
        self.store = Store(None)
        self.switches = FaultSwitches(self.store)
        self.bank = Bank(self.store, self.switches, WebhookSender(self.store, self.switches, {}), refund_seconds=0)
        app = FastAPI()
        app.include_router(bank_router(self.bank, self.store, self.switches, told))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bank")
        self.gateway = PixGateway(
            self.http,
            client_id="bilhetagem",
            client_secret="of-tests",
            key="chave",
            webhook_secret=PIX_SECRET,
            max_wait_s=0.001,
        )
        self.ports = Ports(self.database, Gateways(pix=self.gateway, card=self.gateway), now=self.now)

    async def close(self) -> None:
        await self.http.aclose()
        await self.database.dispose()
        self.store.close()

    def teardown(self) -> None:
        try:
            if hasattr(self, "payment_id"):
                self.settle_down()
        finally:
            self.run(self.close())
            self.runner.close()

    def settle_down(self) -> None:
        """When the bank is well again and everything it said has arrived, all the money is accounted for."""
        self.switch()
        for _ in range(8):
            self.bank.settle_due(time.time() + 1)
            for number, _, body, _ in self.store.due_deliveries(time.time() + 60):
                self.store.end_delivery(number)
                self.run(self.receive(body.encode()))
            self.clock_ahead += timedelta(hours=1)
            self.run(process_webhooks(self.ports, "pix"))
            self.run(self.look_around())
        payment, found, _ = self.run(self.read())
        cob = self.store.get("cob", payment.id.hex) or {}
        assert payment.captured_minor == (PRICE if cob.get("pix") else 0)
        assert payment.status not in OPEN or cob["status"] == "ATIVA"
        assert not [status for status, _ in found if status in {RefundStatus.REQUESTED, RefundStatus.SUBMITTED}]
        self.money_is_conserved_and_states_go_forward()

    @initialize()
    def create(self) -> None:
        self.payer, self.reference = uuid4(), f"reservation:{uuid4()}"
        self.command = CreatePayment(
            payer_id=self.payer,
            reference=self.reference,
            amount_minor=PRICE,
            currency="BRL",
            method=PaymentMethod.PIX,
            card_token=None,
            description=None,
            payer_name=None,
            expires_at=self.now() + timedelta(minutes=10),
            idempotency_key="key",
        )
        self.create_again()

    @rule()
    def create_again(self) -> None:
        created = self.run(create_payment(self.ports, self.command))
        if created.payment is not None:
            if created.payment.id != getattr(self, "payment_id", None):
                self.seen, self.refunded_seen = None, 0  # no gateway was to be had for the one before
            self.payment_id: UUID = created.payment.id
            self.run(submit_payment(self.ports, created.payment))

    @rule()
    def payer_pays(self) -> None:
        with suppress(Refused):
            self.bank.pay(self.payment_id.hex)

    @rule()
    def bank_removes_the_charge(self) -> None:
        with suppress(Refused):
            self.bank.remove(self.payment_id.hex, "REMOVIDA_PELO_PSP")

    @rule(fails=st.booleans())
    def bank_makes_refunds(self, fails: bool) -> None:
        self.switch(fail_refunds=int(fails))
        self.bank.settle_due(time.time() + 1)
        self.switch()

    @rule(data=st.data())
    def deliver_a_message(self, data: st.DataObject) -> None:
        """Any message that the bank ever wrote, as often as it likes."""
        for number, _, body, _ in self.store.due_deliveries(time.time() + 60):
            self.bodies.append(body.encode())
            self.store.end_delivery(number)
        if self.bodies:
            self.run(self.receive(data.draw(st.sampled_from(self.bodies))))

    @rule()
    def message_of_a_payment_that_never_was(self) -> None:
        body = json.dumps({"pix": [{"endToEndId": f"E{uuid4().hex[:31]}", "txid": uuid4().hex, "valor": "1.00"}]})
        self.run(self.receive(body.encode()))

    async def receive(self, body: bytes) -> None:
        headers = {pix_signature.HEADER: pix_signature.sign(body, PIX_SECRET, self.now())}
        notices = self.gateway.read_webhook(body, headers, self.now())
        async with self.database.transaction() as connection:
            await webhook_events.store(connection, notices, self.now())

    @rule()
    def act_on_messages(self) -> None:
        self.run(process_webhooks(self.ports, "pix"))

    @rule()
    def reconcile(self) -> None:
        with suppress(GatewayFault):
            self.run(reconcile_payments(self.ports, reference=self.reference, payment_id=None))

    @rule()
    def cancel(self) -> None:
        with suppress(GatewayFault):
            self.run(cancel_payments(self.ports, self.reference))

    @rule()
    def expire(self) -> None:
        with suppress(GatewayFault):
            self.run(expire_payment(self.ports, self.payment_id))

    @rule(amount=st.none() | st.integers(1, PRICE + 1), key=st.sampled_from("abcdef"))
    def refund(self, amount: int | None, key: str) -> None:
        self.run(refund_payment(self.ports, RefundPayment(self.payment_id, amount, "reason", key)))

    @rule(minutes=st.integers(1, 12))
    def time_passes(self, minutes: int) -> None:
        self.clock_ahead += timedelta(minutes=minutes)

    @rule()
    def look_at_what_is_unfinished(self) -> None:
        self.run(self.look_around())

    @precondition(lambda self: self.switches.of(Company.PIX) == Faults())
    @rule(fault=st.sampled_from(["http_500", "http_500_after", "malformed"]), times=st.integers(1, 4))
    def bank_falters(self, fault: str, times: int) -> None:
        self.switch(**{fault: times})

    async def look_around(self) -> None:
        await check_payments(self.ports, "pix", timedelta(seconds=15))
        await push_refunds(self.ports, "pix")
        await withdraw_charges(self.ports, "pix")

    @rule()
    def bank_recovers(self) -> None:
        self.switch()

    def switch(self, **values: int) -> None:
        self.switches.set(Company.PIX, Faults.model_validate(values))

    async def read(self) -> tuple[Payment, list[tuple[RefundStatus, int]], list[str]]:
        outbox = metadata.tables["outbox"]
        async with self.database.connect() as connection:
            payment = await payments.find(connection, self.payment_id)
            found = await refunds.list_of_payment(connection, self.payment_id)
            rows = await connection.execute(sa.select(outbox.c.payload).order_by(outbox.c.position))
            published = [json.loads(payload) for (payload,) in rows]
        assert payment is not None
        assert len({event["id"] for event in published}) == len(published)
        return payment, [(one.status, one.amount_minor) for one in found], [event["type"] for event in published]

    @invariant()
    def money_is_conserved_and_states_go_forward(self) -> None:
        if not hasattr(self, "payment_id"):
            return
        payment, found, published = self.run(self.read())
        committed = sum(amount for status, amount in found if status in COMMITTED)
        back = sum(amount for status, amount in found if status is RefundStatus.SUCCEEDED)
        assert payment.refunded_minor == back
        assert back <= committed <= payment.captured_minor
        assert payment.captured_minor == (PRICE if "payment.succeeded" in published else 0)
        assert published.count("payment.refunded") == [status for status, _ in found].count(RefundStatus.SUCCEEDED)
        self.bank_agrees(payment)
        if self.seen is not None:
            assert payment.status in reachable(self.seen)
        assert payment.refunded_minor >= self.refunded_seen
        self.seen, self.refunded_seen = payment.status, payment.refunded_minor

    def bank_agrees(self, payment: Payment) -> None:
        """We never claim more money than the bank has, nor to have given back what it has not."""
        cob = self.store.get("cob", payment.id.hex)
        received = (cob or {}).get("pix", [])
        assert payment.captured_minor <= (PRICE if received else 0)
        returned = [one for pix in received for one in pix["devolucoes"]]
        given_back = sum(int(one["valor"].replace(".", "")) for one in returned if one["status"] == "DEVOLVIDO")
        assert payment.refunded_minor <= given_back <= PRICE


def reachable(status: PaymentStatus) -> set[PaymentStatus]:
    found, ahead = {status}, [status]
    while ahead:
        for target in TRANSITIONS[ahead.pop()] - found:
            found.add(target)
            ahead.append(target)
    return found


def test_any_order_keeps_the_money_and_the_states(database: Callable[[str], str]) -> None:
    AnyOrder.url = database("payments")
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
