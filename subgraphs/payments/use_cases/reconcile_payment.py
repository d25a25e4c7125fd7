"""Ask the gateway about one open payment and apply its answer. Heals what a crash or a lost webhook left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.errors import GatewayAnswerInvalid
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.close_charge import close_charge
from subgraphs.payments.use_cases.settle_charge import settle_charge
from subgraphs.payments.use_cases.submit_payment import submit_payment

FIRST_CHECK: Final = timedelta(seconds=15)
"""How long after its creation a payment is looked at in the background."""


async def reconcile_payment(ports: Ports, payment: Payment) -> Payment:
    """The payment afterwards. Raises ``GatewayFault``; then nothing changed.

    A CREATED payment is submitted (again) while its time lasts, and given up afterwards.
    """
    if payment.status not in OPEN:
        return payment
    if payment.status is PaymentStatus.CREATED:
        if payment.is_due_to_expire(ports.now()):
            return await close_charge(ports, payment, PaymentStatus.EXPIRED)
        return await submit_payment(ports, payment)
    charge = await ports.gateways.of(payment).find_charge(payment)
    if charge is None:
        raise GatewayAnswerInvalid(payment.provider, "does not know a charge that it had accepted")
    return await settle_charge(ports, payment.id, charge)
