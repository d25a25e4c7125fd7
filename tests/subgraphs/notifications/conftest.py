"""A notifications service on a real database and the emulated SES and SNS."""

import json
import secrets
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import Database
from subgraphs.chassis.events import DomainEvent
from subgraphs.notifications.delivery import AwsDelivery
from subgraphs.notifications.settings import Settings

SENDER = "ingressos@bilhetagem.example"


@pytest.fixture
async def connected(fresh_database: Callable[[str], str]) -> AsyncIterator[Database]:
    database = Database(fresh_database("notifications"))
    yield database
    await database.dispose()


@pytest.fixture
def settings(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Settings(
        service_token_jwks='{"keys": []}',
        database_url="postgresql+asyncpg://unused",
        sender_email=SENDER,
        aws_endpoint_url=aws_endpoint,
    )


@pytest.fixture
def aws(settings: Settings) -> Iterator[Aws]:
    clients = Aws(settings)
    yield clients
    clients.close()


@pytest.fixture
def delivery(aws: Aws) -> AwsDelivery:
    aws.client("ses").verify_email_identity(EmailAddress=SENDER)
    return AwsDelivery(aws, SENDER)


@pytest.fixture
def customer_id() -> UUID:
    return uuid4()


@pytest.fixture
def address() -> str:
    """Of nobody else: the emulated SES is shared by the whole test run."""
    return f"ana-{secrets.token_hex(6)}@example.com"


@pytest.fixture
def mailbox(aws_endpoint: str, address: str) -> Callable[[], list[dict[str, Any]]]:
    """The e-mails that reached `address`."""

    def read() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{aws_endpoint}/_ministack/ses/messages", timeout=10) as answer:
            by_account = json.loads(answer.read())["messages"]
        return [message for sent in by_account.values() for message in sent if address in message["To"]]

    return read


def registered(customer_id: UUID, address: str, **changes: Any) -> DomainEvent:
    """A ``customer.registered`` (or another type) of `customer_id`."""
    type_ = changes.pop("type", "customer.registered")
    occurred_at = changes.pop("occurred_at", datetime(2026, 1, 1, tzinfo=UTC))
    data = {
        "customer_id": str(customer_id),
        "name": "Ana",
        "email": address,
        "phone": "+5511987654321",
        "locale": "PT_BR",
        "email_enabled": True,
        "sms_enabled": False,
        **changes,
    }
    return DomainEvent(
        id=str(uuid4()), type=type_, source="customers", subject=str(customer_id), occurred_at=occurred_at, data=data
    )


def order(type: str, customer_id: UUID, **facts: Any) -> DomainEvent:
    """An ``order.…`` event of the reservation flow."""
    reservation_id = str(uuid4())
    if type == "order.confirmed":
        facts = {
            "event_name": "Palmeiras <x> Santos",
            "venue_name": "Allianz Parque",
            "starts_at": "2026-12-01T23:30:00Z",
            "time_zone": "America/Sao_Paulo",
            "units": ["A-1", "A-2"],
            "tickets": [
                {"id": str(uuid4()), "code": "ABCD2345", "qr_payload": "BT1.one"},
                {"id": str(uuid4()), "code": "EFGH6789", "qr_payload": "BT1.two"},
            ],
            "total": {"amount_minor": 123456, "currency": "BRL"},
            "pickup_code": "K7M2",
            "concession_items": [{"name": "Pipoca", "quantity": 2}],
            **facts,
        }
    return DomainEvent(
        id=f"{type}:{reservation_id}",
        type=type,
        source="reservation_flow",
        subject=reservation_id,
        occurred_at=datetime.now(UTC),
        data={"reservation_id": reservation_id, "customer_id": str(customer_id), **facts},
    )
