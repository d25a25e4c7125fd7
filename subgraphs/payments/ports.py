"""What a use case works with: the database, the gateways, the clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from subgraphs.chassis.database import Database
from subgraphs.payments.domain.payment import Payment, PaymentMethod
from subgraphs.payments.gateways.port import PaymentGateway


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Gateways:
    pix: PaymentGateway
    card: PaymentGateway

    def of_method(self, method: PaymentMethod) -> PaymentGateway:
        return self.pix if method is PaymentMethod.PIX else self.card

    def providers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.pix.provider, self.card.provider)))

    def of(self, payment: Payment) -> PaymentGateway:
        return self.of_method(payment.method)


@dataclass(frozen=True, slots=True)
class Ports:
    """Use cases that talk to a gateway open short transactions before and after, never around it.

    ``webhook_stored`` wakes, by provider, whoever processes its webhooks.
    """

    database: Database
    gateways: Gateways
    now: Callable[[], datetime] = utc_now
    webhook_stored: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
