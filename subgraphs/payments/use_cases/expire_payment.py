"""End a payment whose time is over, unless the gateway says that it was paid."""

from __future__ import annotations

from uuid import UUID

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.close_charge import close_charge


async def expire_payment(ports: Ports, payment_id: UUID) -> Payment | None:
    """The payment afterwards, unchanged before its time; None when there is none. Raises ``GatewayFault``."""
    async with ports.database.connect() as connection:
        payment = await payments.find(connection, payment_id)
    if payment is None or not payment.is_due_to_expire(ports.now()):
        return payment
    return await close_charge(ports, payment, FailureCode.EXPIRED)
