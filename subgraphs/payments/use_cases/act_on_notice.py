"""Act upon one webhook message. A success that the signed message proves is applied; anything else is asked about."""

from __future__ import annotations

from typing import Final

import structlog

from subgraphs.payments.domain.payment import Payment
from subgraphs.payments.domain.refunds import RefundStatus
from subgraphs.payments.domain.states import OPEN
from subgraphs.payments.errors import GatewayAnswerInvalid
from subgraphs.payments.gateways.port import Charge, Notice
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds
from subgraphs.payments.use_cases.push_refund import push_refund
from subgraphs.payments.use_cases.reconcile_payment import reconcile_payment
from subgraphs.payments.use_cases.settle_charge import settle_charge

log = structlog.get_logger(__name__)

_UNDER_WAY: Final = frozenset({RefundStatus.REQUESTED, RefundStatus.SUBMITTED})


async def act_on_notice(ports: Ports, notice: Notice) -> str:
    """What came of it: ``ignored``, ``unknown_charge``, ``unchanged``, ``applied`` or ``refunds_asked``.

    Raises ``GatewayFault``: the message has to be taken up again.
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
    if notice.charge is not None:
        settled = await _believe(ports, payment, notice.charge)
    elif payment.status in OPEN:
        settled = await reconcile_payment(ports, payment)
    else:
        return "unchanged"
    return "applied" if settled.status is not payment.status else "unchanged"


async def _believe(ports: Ports, payment: Payment, charge: Charge) -> Payment:
    try:
        return await settle_charge(ports, payment.id, charge)
    except GatewayAnswerInvalid:
        # A message that does not fit is in doubt, like one that says nothing.
        return await reconcile_payment(ports, payment)


async def _ask_about_refunds(ports: Ports, payment: Payment) -> str:
    async with ports.database.connect() as connection:
        found = await refunds.list_of_payment(connection, payment.id)
    for refund in found:
        if refund.status in _UNDER_WAY:
            await push_refund(ports, refund.id)
    return "refunds_asked"
