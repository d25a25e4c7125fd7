"""Give up an open payment: its charge is withdrawn at the gateway, which thereby says whether it was paid after all."""

from __future__ import annotations

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.settle_charge import settle_charge


async def close_charge(ports: Ports, payment: Payment, reason: PaymentStatus) -> Payment:
    """``reason`` is EXPIRED or CANCELLED. A payment found paid succeeds instead; one in processing stays open.

    One question that also withdraws, rather than a question and then an order: nothing can be paid in between.
    Raises ``GatewayFault``; then nothing changed here.
    """
    if payment.status not in OPEN:
        return payment
    closed = Charge(payment.provider_reference or "", reason, failure_code=FailureCode(reason.value))
    found = await ports.gateways.of(payment).cancel_charge(payment) if payment.provider_reference else None
    if found is None or found.status is PaymentStatus.CANCELLED:
        # Without a charge at the gateway there is nothing that could have been paid.
        return await settle_charge(ports, payment.id, closed)
    return await settle_charge(ports, payment.id, found)
