"""Take back, at the gateway, the charge of a payment that was given up here while the gateway could not be asked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.settle_charge import settle_charge

log = structlog.get_logger(__name__)


async def withdraw_charge(ports: Ports, payment_id: UUID, planned: datetime) -> None:
    """Done once the gateway says that nobody can pay it (any more), or that somebody has: then it succeeds late.

    ``planned`` is the moment of the next try, as the claim has stored it. Raises ``GatewayFault``.
    """
    async with ports.database.connect() as connection:
        payment = await payments.find(connection, payment_id)
    if payment is None:
        raise LookupError("payments are never deleted")
    found = await ports.gateways.of(payment).cancel_charge(payment)
    if found is not None:
        await settle_charge(ports, payment_id, found)
        if found.status in OPEN:
            return  # it can neither be withdrawn nor is it decided
    async with ports.database.transaction() as connection:
        # Not when it was planned anew meanwhile: then a request that was under way has made the charge after all.
        await payments.end_withdrawal(connection, payment_id, planned)
    log.info("charge_withdrawn", payment_id=str(payment_id), found=found.status if found else PaymentStatus.CREATED)
