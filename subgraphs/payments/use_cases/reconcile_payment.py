"""Ask the gateway about one open payment and apply its answer. Heals what a lost webhook left behind."""

from __future__ import annotations

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.errors import GatewayAnswerInvalid
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.close_charge import close_charge
from subgraphs.payments.use_cases.settle_charge import settle_charge


async def reconcile_payment(ports: Ports, payment: Payment) -> Payment:
    """The payment afterwards. Raises ``GatewayFault``; then nothing changed.

    What is being submitted at this moment stays as it is: that is its caller's, or ``check_unfinished``'s.
    """
    if payment.status not in OPEN:
        return payment
    if payment.status is PaymentStatus.CREATED:
        if payment.is_due_to_expire(ports.now()):
            return await close_charge(ports, payment, FailureCode.EXPIRED)
        return payment
    charge = await ports.gateways.of(payment).find_charge(payment)
    if charge is not None:
        return await settle_charge(ports, payment.id, charge)
    if payment.status is PaymentStatus.PROCESSING:
        return payment
    raise GatewayAnswerInvalid(payment.provider, "does not know a charge that it had accepted")
