"""Bring a CREATED payment to its gateway. Repeating it continues where a crash or a silence left it."""

from __future__ import annotations

from dataclasses import replace

import structlog

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayFault, GatewayRefused
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.settle_charge import settle_charge

log = structlog.get_logger(__name__)

_GIVEN_UP = frozenset({PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELLED})


async def submit_payment(ports: Ports, payment: Payment) -> Payment:
    """The payment afterwards; one that the gateway refuses is FAILED.

    Raises ``GatewayUnavailable`` or ``GatewayAnswerInvalid``: then it is still CREATED, and may be submitted again.
    """
    gateway = ports.gateways.of(payment)
    try:
        if payment.provider_reference is None:
            reference = await gateway.open_charge(payment)
            current = await _keep_reference(ports, payment, reference)
            if current.status is not PaymentStatus.CREATED:
                return current
            payment = current
        charge = await gateway.submit_charge(payment, ports.now())
    except GatewayRefused as exc:
        log.error("charge_refused", payment_id=str(payment.id), provider=exc.provider, reason=exc.reason)
        charge = Charge(
            payment.provider_reference or "",
            PaymentStatus.FAILED,
            failure_code=FailureCode.REJECTED_BY_GATEWAY,
        )
    settled = await settle_charge(ports, payment.id, charge)
    if settled.status in _GIVEN_UP and charge.status is PaymentStatus.REQUIRES_ACTION:
        await _withdraw(ports, payment)
    return settled


async def _keep_reference(ports: Ports, payment: Payment, reference: str) -> Payment:
    """The charge's name is kept before any money can move under it; not when the payment was given up meanwhile."""
    async with ports.database.transaction() as connection:
        current = await payments.lock(connection, payment.id)
        if current is None:
            raise LookupError("payments are never deleted")
        if current.status is PaymentStatus.CREATED:
            await payments.set_provider_reference(connection, payment.id, reference, ports.now())
            return replace(current, provider_reference=reference)
    return current


async def _withdraw(ports: Ports, payment: Payment) -> None:
    """The payment was given up while its charge was being made: nobody shall pay it."""
    try:
        await ports.gateways.of(payment).cancel_charge(payment)
    except GatewayFault as exc:
        # It ends by itself with its time; paid until then, the late success is applied and given back.
        log.warning("charge_not_withdrawn", payment_id=str(payment.id), reason=exc.reason)
