"""Record a payment that is to be made. Nothing is asked of its gateway yet: ``submit_payment`` does that.

So whoever never learns of the payment (the answer was lost, the caller has gone) is never charged. A payer has one
open payment of a reference: asked for again it is the same one, and another way to pay takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import idempotency, outbox
from subgraphs.payments import events
from subgraphs.payments.domain.payment import EXPIRY_LEEWAY, FailureCode, Payment, PaymentMethod
from subgraphs.payments.domain.states import CAPTURED, OPEN, PaymentStatus
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.check_unfinished import FIRST_CHECK
from subgraphs.payments.use_cases.close_charge import close_charge

log = structlog.get_logger(__name__)

ROUNDS: Final = 3
TELLING: Final = timedelta(seconds=3)
"""How long an answer may be on its way to the payer."""


@dataclass(frozen=True, slots=True)
class CreatePayment:
    """Checked at the edge. ``card_token`` exactly for cards. A replay may differ in ``payer_name`` and ``asked_at``.

    ``asked_at`` is when the payer asked. What the payer was told of before may be replaced by another way to pay; what
    becomes payable at about that time, or later, has been asked for at the same time, and stays.
    """

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
    asked_at: datetime | None = None


class Refusal(Enum):
    """Why nothing was and nothing will be charged."""

    KEY_REUSED = auto()
    TOO_SMALL = auto()
    EXPIRED = auto()
    ALREADY_PAID = auto()
    IN_PROCESS = auto()
    REPLACED = auto()
    DECLINED = auto()
    GATEWAY_UNAVAILABLE = auto()


@dataclass(frozen=True, slots=True)
class Created:
    """Without a refusal there is a payment to follow. With DECLINED and GATEWAY_UNAVAILABLE it shows what failed."""

    payment: Payment | None
    refusal: Refusal | None = None


def outcome_of(payment: Payment) -> Created:
    """What the payer is told of a payment that was asked for: given up is never told without a refusal."""
    match payment.status, payment.failure_code:
        case PaymentStatus.EXPIRED, _:
            return Created(None, Refusal.EXPIRED)
        case PaymentStatus.FAILED, FailureCode.EXPIRED:
            return Created(None, Refusal.EXPIRED)
        case PaymentStatus.CANCELLED, _:
            return Created(None, Refusal.REPLACED)
        case PaymentStatus.FAILED, FailureCode.CANCELLED:
            return Created(None, Refusal.REPLACED)
        case PaymentStatus.FAILED, FailureCode.GATEWAY_UNAVAILABLE:
            return Created(payment, Refusal.GATEWAY_UNAVAILABLE)
        case PaymentStatus.FAILED, _:
            return Created(payment, Refusal.DECLINED)
        case _:
            return Created(payment)


class _Unresolved(Exception):
    """The payer has another payment of this reference; rolls the transaction back, the key with it."""


class _TooLate(Exception):
    """``expires_at`` has passed, or as good as passed, before the payment began."""


async def create_payment(ports: Ports, command: CreatePayment) -> Created:
    """The same key and input again: the same payment as it is by now, or a new one where no gateway was to be had."""
    command = replace(command, asked_at=command.asked_at or ports.now())
    if command.amount_minor < ports.gateways.of_method(command.method).least_minor:
        return Created(None, Refusal.TOO_SMALL)
    for left in reversed(range(ROUNDS)):
        try:
            async with ports.database.transaction() as connection:
                stored = await _claim(connection, ports, command)
        except _TooLate:
            return Created(None, Refusal.EXPIRED)
        except _Unresolved:
            # Who has closed a charge always tries to put one in its place: of many at once, one is left payable.
            refusal = await _resolve_earlier(ports, command) if left else Refusal.IN_PROCESS
            if refusal is not None:
                return Created(None, refusal)
            continue
        return Created(None, Refusal.KEY_REUSED) if stored is None else outcome_of(stored)
    return Created(None, Refusal.IN_PROCESS)


async def _claim(connection: AsyncConnection, ports: Ports, command: CreatePayment) -> Payment | None:
    """The payment of this key, new or stored; None: the key was used with another input."""

    async def produce() -> dict[str, Any]:
        now = ports.now()
        if command.expires_at <= now + EXPIRY_LEEWAY:
            raise _TooLate
        earlier = await payments.find_unresolved(connection, command.payer_id, command.reference)
        if earlier is not None and _is_the_same(earlier, command, now):
            return {"payment_id": str(earlier.id)}
        if earlier is not None:
            raise _Unresolved
        payment = _new_payment(ports, command, now)
        if not await payments.insert_payment(connection, payment, check_at=now + FIRST_CHECK):
            raise _Unresolved
        await outbox.append(connection, events.status_reached(payment))
        return {"payment_id": str(payment.id)}

    scope = f"create_payment:{command.payer_id}"
    wanted = idempotency.request_hash(replace(command, payer_name=None, asked_at=None))
    for _ in range(2):
        result = await idempotency.run_once(connection, scope, command.idempotency_key, wanted, produce)
        if isinstance(result, idempotency.KeyReused):
            return None
        stored = await payments.find(connection, UUID(result["payment_id"]))
        if stored is None or stored.failure_code is not FailureCode.GATEWAY_UNAVAILABLE:
            return stored
        # "Try again" was the answer, and the payer does.
        await idempotency.release(connection, scope, command.idempotency_key)
    return stored


def _is_the_same(earlier: Payment, command: CreatePayment, now: datetime) -> bool:
    """A second tap, or another window: the charge that is there already is the answer."""
    return (
        (earlier.method, earlier.amount_minor, earlier.currency)
        == (command.method, command.amount_minor, command.currency)
        and earlier.status in OPEN | {PaymentStatus.SUCCEEDED}
        and not (earlier.status in OPEN and earlier.is_due_to_expire(now))
    )


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
        updated_at=now,
        description=command.description,
        payer_name=command.payer_name,
        card_token=command.card_token,
    )


async def _resolve_earlier(ports: Ports, command: CreatePayment) -> Refusal | None:
    """None: the way is free. A payer who chooses another way to pay must not pay twice."""
    async with ports.database.connect() as connection:
        earlier = await payments.find_unresolved(connection, command.payer_id, command.reference)
    if earlier is None or _is_the_same(earlier, command, ports.now()):
        return None
    if _is_asked_at_the_same_time(earlier, command, ports.now()):
        return Refusal.IN_PROCESS
    if earlier.status in OPEN:
        try:
            earlier = await close_charge(ports, earlier, FailureCode.CANCELLED)
        except GatewayFault as exc:
            log.warning("earlier_payment_unknown", payment_id=str(earlier.id), reason=str(exc))
            return Refusal.GATEWAY_UNAVAILABLE
    if earlier.status in CAPTURED:
        return Refusal.ALREADY_PAID
    return Refusal.IN_PROCESS if earlier.status in OPEN else None


def _is_asked_at_the_same_time(earlier: Payment, command: CreatePayment, now: datetime) -> bool:
    """Its caller had no answer yet, as far as can be known, when this request was made."""
    if earlier.status is PaymentStatus.REQUIRES_ACTION:
        return command.asked_at is not None and earlier.updated_at + TELLING > command.asked_at
    return earlier.status in OPEN and earlier.created_at + FIRST_CHECK > now
