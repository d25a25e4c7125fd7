"""Apply what a gateway says of a charge to its payment: monotonically, under the row's lock, with its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import metrics, outbox
from subgraphs.payments import events
from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import GIVEN_UP, PaymentStatus, check_step, steps_towards
from subgraphs.payments.errors import GatewayAnswerInvalid
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments

log = structlog.get_logger(__name__)


async def settle_charge(
    ports: Ports,
    payment_id: UUID,
    charge: Charge,
    *,
    only_from: PaymentStatus | None = None,
    withdraw_at: datetime | None = None,
) -> Payment:
    """The payment as it is afterwards. Raises ``GatewayAnswerInvalid`` when the money received is not the price.

    With ``only_from`` nothing changes in any other status. ``withdraw_at`` comes with a charge that is closed here
    without the gateway's word: when it is withdrawn there, if it has a name there.
    """
    async with ports.database.transaction() as connection:
        payment = await payments.lock(connection, payment_id)
        if payment is None:
            raise LookupError("payments are never deleted")
        if only_from not in {None, payment.status}:
            return payment
        settled, steps = await apply_charge(connection, payment, charge, ports.now())
        if steps and withdraw_at is not None and payment.provider_reference is not None:
            await payments.plan_withdrawal(connection, payment_id, withdraw_at)
    if PaymentStatus.SUCCEEDED in steps:
        metrics.count("PaymentsConfirmed", Method=settled.method.value)
    if steps:
        log.info("payment_status_changed", payment_id=str(payment_id), was=payment.status, now=settled.status)
    return settled


async def apply_charge(
    connection: AsyncConnection, payment: Payment, charge: Charge, now: datetime
) -> tuple[Payment, tuple[PaymentStatus, ...]]:
    """``payment`` is locked. The payment afterwards, and the states it went through (none: nothing changed)."""
    steps = steps_towards(payment.status, charge.status)
    if not steps:
        if charge.status is PaymentStatus.REQUIRES_ACTION and payment.status in GIVEN_UP:
            # It was given up while its charge was being made: nobody shall pay it.
            await payments.plan_withdrawal(connection, payment.id, now)
        return await _completed(connection, payment, charge, now), steps
    changed = _with_facts(payment, charge, steps)
    for step in steps:
        check_step(changed.status, step)
        changed = replace(changed, status=step)
        await outbox.append(connection, events.status_reached(changed))
    await payments.save(connection, changed, now)
    return changed, steps


async def _completed(connection: AsyncConnection, payment: Payment, charge: Charge, now: datetime) -> Payment:
    """Which card it was: webhooks do not say, so whoever asked adds it when the webhook was faster."""
    if charge.status is not PaymentStatus.SUCCEEDED or payment.card_brand is not None or charge.card_brand is None:
        return payment
    completed = replace(payment, card_brand=charge.card_brand, card_last4=charge.card_last4)
    await payments.save(connection, completed, now)
    return completed


def _with_facts(payment: Payment, charge: Charge, steps: tuple[PaymentStatus, ...]) -> Payment:
    captured, failure = payment.captured_minor, payment.failure_code
    if PaymentStatus.SUCCEEDED in steps:
        if (charge.captured_minor, charge.currency) != (payment.amount_minor, payment.currency):
            log.error("payment_amount_differs", payment_id=str(payment.id), received_minor=charge.captured_minor)
            raise GatewayAnswerInvalid(payment.provider, "received another amount than was charged")
        captured, failure = charge.captured_minor, None
    elif steps[-1] is PaymentStatus.FAILED:
        failure = charge.failure_code or _FAILURE_OF.get(charge.status, FailureCode.REJECTED_BY_GATEWAY)
    return replace(
        payment,
        captured_minor=captured,
        failure_code=failure,
        card_token=None,  # it has done its work
        br_code=charge.br_code or payment.br_code,
        end_to_end_id=charge.end_to_end_id or payment.end_to_end_id,
        card_brand=charge.card_brand or payment.card_brand,
        card_last4=charge.card_last4 or payment.card_last4,
    )


_FAILURE_OF = {PaymentStatus.EXPIRED: FailureCode.EXPIRED, PaymentStatus.CANCELLED: FailureCode.CANCELLED}
