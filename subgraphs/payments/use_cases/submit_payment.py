"""Bring a payment to its gateway, for a caller who waits for it. Repeating it continues where it was left.

Only this asks for money. The background finds out, or withdraws (``check_unfinished``), so that whoever was told of an
error is never charged afterwards.
"""

from __future__ import annotations

import structlog

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayFault, GatewayRefused
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.close_charge import close_charge, give_up_created
from subgraphs.payments.use_cases.settle_charge import apply_charge, settle_charge

log = structlog.get_logger(__name__)


async def submit_payment(ports: Ports, payment: Payment) -> Payment:
    """The payment afterwards. After a fault of the gateway it is FAILED where it is certain that no money moves, and
    PROCESSING where that is unknown.
    """
    if payment.status is PaymentStatus.CREATED and payment.is_due_to_expire(ports.now()):
        return await close_charge(ports, payment, FailureCode.EXPIRED)
    gateway = ports.gateways.of(payment)
    submittable = PaymentStatus.PROCESSING if gateway.takes_money else PaymentStatus.CREATED
    try:
        if payment.status is PaymentStatus.CREATED:
            payment = await _open(ports, payment)
        if payment.status is not submittable:
            return payment
        return await settle_charge(ports, payment.id, await gateway.submit_charge(payment, ports.now()))
    except GatewayFault as exc:
        log.warning("charge_not_made", payment_id=str(payment.id), provider=exc.provider, reason=exc.reason)
        refused = isinstance(exc, GatewayRefused)
    return await _give_up(ports, payment, refused=refused)


async def _open(ports: Ports, payment: Payment) -> Payment:
    """The charge's name is kept before any money can move under it; not when the payment was given up meanwhile.

    What takes the money is PROCESSING from here on: whatever happens, its outcome is found out.
    """
    gateway = ports.gateways.of(payment)
    reference = payment.provider_reference or await gateway.open_charge(payment)
    async with ports.database.transaction() as connection:
        current = await payments.lock(connection, payment.id)
        if current is None:
            raise LookupError("payments are never deleted")
        if current.status is not PaymentStatus.CREATED:
            return current
        await payments.set_provider_reference(connection, payment.id, reference, ports.now())
        if gateway.takes_money:
            await apply_charge(connection, current, Charge(reference, PaymentStatus.PROCESSING), ports.now())
        opened = await payments.find(connection, payment.id)
    if opened is None:
        raise LookupError("payments are never deleted")
    return opened


async def _give_up(ports: Ports, payment: Payment, *, refused: bool) -> Payment:
    why = FailureCode.REJECTED_BY_GATEWAY if refused else FailureCode.GATEWAY_UNAVAILABLE
    if payment.status is PaymentStatus.CREATED:
        return await give_up_created(ports, payment, why)
    if refused:
        try:
            return await close_charge(ports, payment, why)
        except GatewayFault as exc:
            log.warning("charge_in_doubt", payment_id=str(payment.id), provider=exc.provider, reason=exc.reason)
    return payment
