"""Act upon one webhook message. It is a reason to ask, never a proof: whoever has the secret could have written it."""

from __future__ import annotations

import structlog

from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.refunds import UNDER_WAY
from subgraphs.payments.domain.states import CAPTURED, OPEN
from subgraphs.payments.gateways.port import Notice
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds
from subgraphs.payments.use_cases.push_refund import push_refund
from subgraphs.payments.use_cases.settle_charge import settle_charge

log = structlog.get_logger(__name__)


class NotConfirmed(Exception):
    """The gateway, asked, does not say what the message in its name says: nothing is settled by it."""


async def act_on_notice(ports: Ports, notice: Notice) -> str:
    """What came of it: ``ignored``, ``unknown_charge``, ``unchanged``, ``applied`` or ``refunds_asked``.

    Raises ``GatewayFault``: the message has to be taken up again; and ``NotConfirmed``.
    """
    if notice.provider_reference is None:
        return "ignored"
    async with ports.database.connect() as connection:
        payment = await payments.find_by_provider_reference(connection, notice.provider, notice.provider_reference)
    if payment is None:
        log.warning("webhook_for_unknown_charge", provider=notice.provider, kind=notice.kind)
        return "unknown_charge"
    if notice.refund:
        return await _ask_about_refunds(ports, payment)
    if payment.status in CAPTURED or not (notice.paid or payment.status in OPEN):
        return "unchanged"
    charge = await ports.gateways.of(payment).find_charge(payment)
    settled = payment if charge is None else await settle_charge(ports, payment.id, charge)
    if notice.paid and settled.status not in CAPTURED:
        raise NotConfirmed("the gateway does not know it" if charge is None else f"the gateway says {charge.status}")
    return "applied" if settled.status is not payment.status else "unchanged"


async def _ask_about_refunds(ports: Ports, payment: Payment) -> str:
    async with ports.database.connect() as connection:
        found = await refunds.list_of_payment(connection, payment.id)
    for refund in found:
        if refund.status in UNDER_WAY:
            await push_refund(ports, refund.id)
    return "refunds_asked"
