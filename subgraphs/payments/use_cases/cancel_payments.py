"""Cancel the open payments of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from subgraphs.payments.domain.payment import FailureCode
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.close_charge import close_charge


@dataclass(frozen=True, slots=True)
class Cancelled:
    """``settled_payment_id``: one that holds money (it was, or has just turned out to be, paid)."""

    cancelled: int
    settled_payment_id: UUID | None


async def cancel_payments(ports: Ports, reference: str) -> Cancelled:
    """Raises ``GatewayFault``; what was cancelled before it stays so, and repeating continues."""
    async with ports.database.connect() as connection:
        found = await payments.list_by_reference(connection, reference)
    cancelled, settled = 0, None
    for payment in found:
        closed = await close_charge(ports, payment, FailureCode.CANCELLED)
        if payment.status in OPEN and closed.status in {PaymentStatus.CANCELLED, PaymentStatus.FAILED}:
            cancelled += 1
        if closed.captured_minor > closed.refunded_minor and settled is None:
            settled = closed.id
    return Cancelled(cancelled, settled)
