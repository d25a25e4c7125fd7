"""Look, in the background, at open payments and refunds that nobody has told us about for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds
from subgraphs.payments.use_cases.push_refund import push_refund
from subgraphs.payments.use_cases.reconcile_payment import reconcile_payment

log = structlog.get_logger(__name__)

BATCH: Final = 20
REFUND_PAUSE: Final = timedelta(seconds=15)


async def check_unfinished(ports: Ports, pause: timedelta) -> int:
    """How many were looked at. ``pause`` is the time until an open payment is looked at again."""
    async with ports.database.transaction() as connection:
        payment_ids = await payments.claim_open_to_check(connection, ports.now(), pause, BATCH)
        refund_ids = await refunds.claim_unfinished(connection, ports.now(), REFUND_PAUSE, BATCH)
    for payment_id in payment_ids:
        async with ports.database.connect() as connection:
            payment = await payments.find(connection, payment_id)
        try:
            if payment is not None:
                await reconcile_payment(ports, payment)
        except GatewayFault as exc:
            log.warning("payment_not_checked", payment_id=str(payment_id), reason=str(exc))
    for refund_id in refund_ids:
        try:
            await push_refund(ports, refund_id)
        except GatewayFault as exc:
            log.warning("refund_not_pushed", refund_id=str(refund_id), reason=str(exc))
    return len(payment_ids) + len(refund_ids)
