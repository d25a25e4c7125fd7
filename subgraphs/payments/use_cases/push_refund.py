"""Bring a refund one step on: submit it, or ask what became of it, and apply the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.payments import events
from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.refunds import (
    MAX_ATTEMPTS,
    Refund,
    RefundStatus,
    refund_steps_towards,
    refundable_minor,
    status_after_refund,
)
from subgraphs.payments.domain.states import REFUNDABLE, check_step
from subgraphs.payments.errors import GatewayAnswerInvalid, GatewayRefused
from subgraphs.payments.gateways.port import RefundReport
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds

log = structlog.get_logger(__name__)

CHECK_AFTER: Final = timedelta(seconds=5)
"""Until somebody looks at a refund again that is under way."""

RETRY_AFTER: Final = timedelta(seconds=30)
"""Until a failed one is submitted anew, longer after each attempt."""


async def push_refund(ports: Ports, refund_id: UUID, *, is_new: bool = False) -> Refund:
    """The refund afterwards. Raises ``GatewayUnavailable`` or ``GatewayAnswerInvalid``; then nothing changed.

    Unless ``is_new``, the gateway is asked first whether it has this submission: money never goes back twice.
    """
    payment, refund = await _load(ports, refund_id)
    if refund.status is RefundStatus.FAILED:
        refund = await _begin_anew(ports, refund)
    if refund.status not in {RefundStatus.REQUESTED, RefundStatus.SUBMITTED}:
        return refund
    gateway = ports.gateways.of(payment)
    try:
        report = None if is_new else await gateway.find_refund(payment, refund)
        if report is None:
            report = await gateway.submit_refund(payment, refund)
    except GatewayRefused as exc:
        log.error("refund_refused", refund_id=str(refund_id), provider=exc.provider, reason=exc.reason)
        report = RefundReport(refund.provider_reference or "", RefundStatus.FAILED, refund.amount_minor, "REFUSED")
    return await _settle(ports, refund, report)


async def _load(ports: Ports, refund_id: UUID) -> tuple[Payment, Refund]:
    async with ports.database.connect() as connection:
        refund = await refunds.find(connection, refund_id)
        payment = None if refund is None else await payments.find(connection, refund.payment_id)
    if refund is None or payment is None:
        raise LookupError("refunds and payments are never deleted")
    return payment, refund


async def _locked(connection: AsyncConnection, refund: Refund) -> tuple[Payment, Refund]:
    """Both as they are under the payment's lock."""
    payment = await payments.lock(connection, refund.payment_id)
    current = await refunds.find(connection, refund.id)
    if payment is None or current is None:
        raise LookupError("refunds and payments are never deleted")
    return payment, current


async def _begin_anew(ports: Ports, refund: Refund) -> Refund:
    """The next attempt of a failed refund, if there is one left and its money has not gone back otherwise."""
    async with ports.database.transaction() as connection:
        payment, current = await _locked(connection, refund)
        left = refundable_minor(payment.captured_minor, await refunds.list_of_payment(connection, payment.id))
        if (
            current.status is not RefundStatus.FAILED
            or current.attempt >= MAX_ATTEMPTS
            or payment.status not in REFUNDABLE
            or current.amount_minor > left
        ):
            return current
        anew = replace(current, status=RefundStatus.SUBMITTED, attempt=current.attempt + 1, failure_code=None)
        await refunds.save(connection, anew, ports.now(), check_at=ports.now() + CHECK_AFTER)
    return anew


async def _settle(ports: Ports, asked: Refund, report: RefundReport) -> Refund:
    if report.amount_minor != asked.amount_minor:
        log.error("refund_amount_differs", refund_id=str(asked.id), reported_minor=report.amount_minor)
        raise GatewayAnswerInvalid("refund", "reports another amount than was requested")
    async with ports.database.transaction() as connection:
        payment, current = await _locked(connection, asked)
        if current.attempt != asked.attempt:
            return current  # the answer is about a submission that has been given up
        steps = refund_steps_towards(current.status, report.status)
        if not steps:
            return current
        settled = replace(
            current,
            status=steps[-1],
            provider_reference=report.provider_reference or current.provider_reference,
            failure_code=report.failure_code if steps[-1] is RefundStatus.FAILED else None,
        )
        now = ports.now()
        pause = RETRY_AFTER * 2**settled.attempt if settled.status is RefundStatus.FAILED else CHECK_AFTER
        await refunds.save(connection, settled, now, check_at=now + pause)
        if settled.status is RefundStatus.SUCCEEDED:
            await _give_back(connection, payment, settled, now)
    log.info("refund_status_changed", refund_id=str(asked.id), was=current.status, now=settled.status)
    return settled


async def _give_back(connection: AsyncConnection, payment: Payment, refund: Refund, now: datetime) -> None:
    refunded = payment.refunded_minor + refund.amount_minor
    status = payment.status
    if status in REFUNDABLE:
        status = status_after_refund(payment.captured_minor, refunded)
        if status is not payment.status:
            check_step(payment.status, status)
    changed = replace(payment, refunded_minor=refunded, status=status)
    await payments.save(connection, changed, now)
    await outbox.append(connection, events.refunded(changed, refund))
