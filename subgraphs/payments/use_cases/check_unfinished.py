"""Look, in the background, at what nobody has told us about for a while. One company at a time, item by item.

The background takes no money: it finds out what became of a payment, or withdraws what nobody goes on with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds
from subgraphs.payments.use_cases.close_charge import close_charge, give_up_created
from subgraphs.payments.use_cases.push_refund import push_refund
from subgraphs.payments.use_cases.reconcile_payment import reconcile_payment
from subgraphs.payments.use_cases.settle_charge import settle_charge
from subgraphs.payments.use_cases.withdraw_charge import withdraw_charge

log = structlog.get_logger(__name__)

BATCH: Final = 20
FIRST_CHECK: Final = timedelta(seconds=20)
"""How long after its creation a payment is looked at here: until then whoever asked for it may still be submitting."""

REFUND_PAUSE: Final = timedelta(seconds=15)
WITHDRAWAL_PAUSE: Final = timedelta(seconds=30)
EXPIRY_GRACE: Final = timedelta(seconds=60)
"""Whoever asked for a payment ends it with its time; this long afterwards it is ended here."""


async def check_payments(ports: Ports, provider: str, pause: timedelta) -> int:
    """How many open payments were looked at. ``pause`` is the time until one is looked at again."""
    async with ports.database.transaction() as connection:
        due = await payments.claim_open_to_check(connection, provider, ports.now(), pause, BATCH)

    async def check(payment_id: UUID) -> None:
        async with ports.database.connect() as connection:
            payment = await payments.find(connection, payment_id)
        if payment is not None:
            await _check(ports, payment)

    await _each(due, check, "payment_not_checked")
    return len(due)


async def push_refunds(ports: Ports, provider: str) -> int:
    async with ports.database.transaction() as connection:
        due = await refunds.claim_unfinished(connection, provider, ports.now(), REFUND_PAUSE, BATCH)

    async def push(refund_id: UUID) -> None:
        await push_refund(ports, refund_id)

    await _each(due, push, "refund_not_pushed")
    return len(due)


async def withdraw_charges(ports: Ports, provider: str) -> int:
    now = ports.now()
    async with ports.database.transaction() as connection:
        due = await payments.claim_to_withdraw(connection, provider, now, WITHDRAWAL_PAUSE, BATCH)

    async def withdraw(payment_id: UUID) -> None:
        await withdraw_charge(ports, payment_id, now + WITHDRAWAL_PAUSE)

    await _each(due, withdraw, "charge_not_withdrawn")
    return len(due)


async def _check(ports: Ports, payment: Payment) -> None:
    now = ports.now()
    if payment.status is PaymentStatus.CREATED:
        await give_up_created(ports, payment, FailureCode.GATEWAY_UNAVAILABLE)
    elif payment.expires_at + EXPIRY_GRACE <= now:
        await close_charge(ports, payment, FailureCode.EXPIRED)
    elif payment.status is PaymentStatus.PROCESSING:
        charge = await ports.gateways.of(payment).find_charge(payment)
        if charge is None:  # its submission never arrived, and nobody repeats it any more
            await close_charge(ports, payment, FailureCode.GATEWAY_UNAVAILABLE)
        else:
            await settle_charge(ports, payment.id, charge)
    else:
        await reconcile_payment(ports, payment)


async def _each(due: Iterable[UUID], work: Callable[[UUID], Awaitable[None]], failed: str) -> None:
    """Every item on its own: none keeps those behind it from their turn. What failed comes again after its pause."""
    for item in due:
        try:
            await work(item)
        except GatewayFault as exc:
            log.warning(failed, item=str(item), reason=str(exc))
        except Exception:
            log.exception(failed, item=str(item))
