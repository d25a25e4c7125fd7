"""Create a payment: committed first, then brought to its gateway, then the gateway's answer applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import idempotency, outbox
from subgraphs.payments import events
from subgraphs.payments.domain.payment import EXPIRY_LEEWAY, Payment, PaymentMethod
from subgraphs.payments.domain.states import CAPTURED, OPEN, PaymentStatus
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.close_charge import close_charge
from subgraphs.payments.use_cases.reconcile_payment import FIRST_CHECK, reconcile_payment

log = structlog.get_logger(__name__)

ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class CreatePayment:
    """Checked at the edge. ``card_token`` exactly for cards; A replay may differ in ``payer_name``."""

    payer_id: UUID
    reference: str
    amount_minor: int
    currency: str
    method: PaymentMethod
    card_token: str | None
    description: str | None
    payer_name: str | None
    expires_at: datetime
    idempotency_key: str


class Refusal(Enum):
    KEY_REUSED = auto()
    EXPIRED = auto()
    ALREADY_PAID = auto()
    IN_PROCESS = auto()
    DECLINED = auto()
    GATEWAY_UNAVAILABLE = auto()


@dataclass(frozen=True, slots=True)
class Created:
    """``payment`` is there with DECLINED and GATEWAY_UNAVAILABLE too; with the latter it may be tried again."""

    payment: Payment | None
    refusal: Refusal | None = None


class _Unresolved(Exception):
    """The payer has another payment of this reference; rolls the transaction back, the key with it."""


class _TooLate(Exception):
    """``expires_at`` has passed, or as good as passed, before the payment began."""


async def create_payment(ports: Ports, command: CreatePayment) -> Created:
    """The same key and input again: the same payment as it is by now, submitted again if it never got through."""
    for _ in range(ROUNDS):
        try:
            async with ports.database.transaction() as connection:
                stored = await _claim(connection, ports, command)
        except _TooLate:
            return Created(None, Refusal.EXPIRED)
        except _Unresolved:
            refusal = await _resolve_earlier(ports, command)
            if refusal is not None:
                return Created(None, refusal)
            continue
        if stored is None:
            return Created(None, Refusal.KEY_REUSED)
        return await _submit(ports, stored)
    return Created(None, Refusal.IN_PROCESS)


async def _claim(connection: AsyncConnection, ports: Ports, command: CreatePayment) -> Payment | None:
    """The payment of this key, new or stored; None: the key was used with another input."""

    async def produce() -> dict[str, Any]:
        now = ports.now()
        if command.expires_at <= now + EXPIRY_LEEWAY:
            raise _TooLate
        if await payments.find_unresolved(connection, command.payer_id, command.reference) is not None:
            raise _Unresolved
        payment = _new_payment(ports, command, now)
        if not await payments.insert_payment(connection, payment, check_at=now + FIRST_CHECK):
            raise _Unresolved
        await outbox.append(connection, events.status_reached(payment))
        return {"payment_id": str(payment.id)}

    scope = f"create_payment:{command.payer_id}"
    wanted = idempotency.request_hash(replace(command, payer_name=None))
    result = await idempotency.run_once(connection, scope, command.idempotency_key, wanted, produce)
    if isinstance(result, idempotency.KeyReused):
        return None
    return await payments.find(connection, UUID(result["payment_id"]))


def _new_payment(ports: Ports, command: CreatePayment, now: datetime) -> Payment:
    return Payment(
        id=uuid4(),
        payer_id=command.payer_id,
        reference=command.reference,
        method=command.method,
        status=PaymentStatus.CREATED,
        amount_minor=command.amount_minor,
        currency=command.currency,
        captured_minor=0,
        refunded_minor=0,
        provider=ports.gateways.of_method(command.method).provider,
        expires_at=command.expires_at,
        created_at=now,
        description=command.description,
        payer_name=command.payer_name,
        card_token=command.card_token,
    )


async def _resolve_earlier(ports: Ports, command: CreatePayment) -> Refusal | None:
    """None: the way is free. A payer who chooses another way to pay must not pay twice."""
    async with ports.database.connect() as connection:
        earlier = await payments.find_unresolved(connection, command.payer_id, command.reference)
    if earlier is None:
        return None
    if earlier.status in OPEN:
        try:
            earlier = await close_charge(ports, earlier, PaymentStatus.CANCELLED)
        except GatewayFault as exc:
            log.warning("earlier_payment_unknown", payment_id=str(earlier.id), reason=str(exc))
            return Refusal.GATEWAY_UNAVAILABLE
    if earlier.status in CAPTURED:
        return Refusal.ALREADY_PAID
    return Refusal.IN_PROCESS if earlier.status in OPEN else None


async def _submit(ports: Ports, payment: Payment) -> Created:
    if payment.status is PaymentStatus.CREATED:
        try:
            payment = await reconcile_payment(ports, payment)
        except GatewayFault as exc:
            log.warning("charge_not_made", payment_id=str(payment.id), reason=str(exc))
            return Created(payment, Refusal.GATEWAY_UNAVAILABLE)
    return Created(payment, Refusal.DECLINED if payment.status is PaymentStatus.FAILED else None)
