"""Ask the gateways about all open payments of a reference, or about one payment."""

from __future__ import annotations

from uuid import UUID

from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments
from subgraphs.payments.use_cases.reconcile_payment import reconcile_payment


async def reconcile_payments(ports: Ports, *, reference: str | None, payment_id: UUID | None) -> list[Payment]:
    """The payments afterwards, the newest first; unknown names give none.

    Raises ``GatewayFault``: a caller must not take silence for "not paid".
    """
    async with ports.database.connect() as connection:
        if payment_id is not None:
            one = await payments.find(connection, payment_id)
            found = [] if one is None or reference not in {None, one.reference} else [one]
        else:
            found = await payments.list_by_reference(connection, reference or "")
    return [await reconcile_payment(ports, payment) for payment in found]
