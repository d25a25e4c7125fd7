"""Give money back, in full or in part: requested under the payment's row lock, then submitted to the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from uuid import UUID, uuid4

import structlog

from subgraphs.chassis import idempotency
from subgraphs.payments.domain.refunds import Refund, RefundStatus, refundable_minor
from subgraphs.payments.domain.states import REFUNDABLE
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import payments, refunds
from subgraphs.payments.use_cases.push_refund import CHECK_AFTER, push_refund

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefundPayment:
    """``amount_minor`` None: all that is left."""

    payment_id: UUID
    amount_minor: int | None
    reason: str
    idempotency_key: str


class RefundRefusal(Enum):
    NOT_FOUND = auto()
    NOT_REFUNDABLE = auto()
    MORE_THAN_LEFT = auto()
    KEY_REUSED = auto()


class _Refused(Exception):
    """Rolls the transaction back, the idempotency key with it."""

    def __init__(self, refusal: RefundRefusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


async def refund_payment(ports: Ports, command: RefundPayment) -> Refund | RefundRefusal:
    """The refund as it is by now. An absent gateway is no failure: the refund is kept and pushed on later."""
    try:
        refund_id, is_new = await _request(ports, command)
    except _Refused as exc:
        return exc.refusal
    try:
        return await push_refund(ports, refund_id, is_new=is_new)
    except GatewayFault as exc:
        log.warning("refund_postponed", refund_id=str(refund_id), reason=str(exc))
    async with ports.database.connect() as connection:
        refund = await refunds.find(connection, refund_id)
    if refund is None:
        raise LookupError("refunds are never deleted")
    return refund


async def _request(ports: Ports, command: RefundPayment) -> tuple[UUID, bool]:
    """Id of the refund of this key, and whether it is new."""
    is_new = False

    async with ports.database.transaction() as connection:

        async def produce() -> dict[str, Any]:
            nonlocal is_new
            payment = await payments.lock(connection, command.payment_id)
            if payment is None:
                raise _Refused(RefundRefusal.NOT_FOUND)
            left = refundable_minor(payment.captured_minor, await refunds.list_of_payment(connection, payment.id))
            amount = left if command.amount_minor is None else command.amount_minor
            if payment.status not in REFUNDABLE or left == 0:
                raise _Refused(RefundRefusal.NOT_REFUNDABLE)
            if amount > left:
                raise _Refused(RefundRefusal.MORE_THAN_LEFT)
            now = ports.now()
            refund = Refund(uuid4(), payment.id, amount, command.reason, RefundStatus.REQUESTED, 1, now)
            await refunds.insert_refund(connection, refund, check_at=now + CHECK_AFTER)
            is_new = True
            return {"refund_id": str(refund.id)}

        scope = f"refund_payment:{command.payment_id}"
        wanted = idempotency.request_hash(command)
        result = await idempotency.run_once(connection, scope, command.idempotency_key, wanted, produce)
        if isinstance(result, idempotency.KeyReused):
            raise _Refused(RefundRefusal.KEY_REUSED)
    return UUID(result["refund_id"]), is_new
