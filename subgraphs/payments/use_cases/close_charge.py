"""Give up an open payment: its charge is withdrawn at the gateway, which thereby says whether it was paid after all."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.states import OPEN, PaymentStatus
from subgraphs.payments.gateways.port import Charge
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.settle_charge import settle_charge

WITHDRAW_AFTER: Final = timedelta(seconds=20)
"""Longer than a request to a gateway may be under way: what is not there by then will never be."""

_STATUS: Final = MappingProxyType(
    {FailureCode.EXPIRED: PaymentStatus.EXPIRED, FailureCode.CANCELLED: PaymentStatus.CANCELLED}
)


async def close_charge(ports: Ports, payment: Payment, why: FailureCode) -> Payment:
    """A payment found paid succeeds instead; one in processing that cannot be withdrawn stays open.

    One question that also withdraws, rather than a question and then an order: nothing can be paid in between.
    Raises ``GatewayFault``; then nothing changed here.
    """
    if payment.status is PaymentStatus.CREATED:
        payment = await give_up_created(ports, payment, why)
    if payment.status not in OPEN:
        return payment
    found = await ports.gateways.of(payment).cancel_charge(payment)
    if found is None:
        return await settle_charge(ports, payment.id, _closed(why), withdraw_at=ports.now() + WITHDRAW_AFTER)
    return await settle_charge(ports, payment.id, _closed(why) if found.status is PaymentStatus.CANCELLED else found)


async def give_up_created(ports: Ports, payment: Payment, why: FailureCode) -> Payment:
    """End a payment that is CREATED still, without asking: nobody can pay it yet. Any other is left as it is."""
    later = ports.now() + WITHDRAW_AFTER
    return await settle_charge(ports, payment.id, _closed(why), only_from=PaymentStatus.CREATED, withdraw_at=later)


def _closed(why: FailureCode) -> Charge:
    return Charge("", _STATUS.get(why, PaymentStatus.FAILED), failure_code=why)
