"""Rows and arguments for the statements of payments."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from subgraphs.payments import tables
from subgraphs.payments.domain.payment import Payment, PaymentMethod
from subgraphs.payments.domain.refunds import Refund, RefundStatus
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.gateways.port import Notice
from subgraphs.payments.repositories import payments, refunds, webhook_events
from tests.subgraphs.statements.rehearsal import Rehearsed, made_up

PAYER: Final = uuid4()
PAYMENTS: Final = [uuid4() for _ in range(100)]
REFUNDS: Final = [uuid4() for _ in range(100)]
_LONG_AGO: Final = datetime.now(UTC) - timedelta(hours=1)


def _payment(payment_id: UUID, status: PaymentStatus = PaymentStatus.REQUIRES_ACTION) -> Payment:
    return replace(
        made_up(Payment),
        id=payment_id,
        payer_id=PAYER,
        reference=f"reservation:{payment_id}",
        method=PaymentMethod.PIX,
        status=status,
        amount_minor=1_000,
        currency="BRL",
        captured_minor=0,
        refunded_minor=0,
        provider="pix",
        expires_at=_LONG_AGO,
        created_at=_LONG_AGO,
        provider_reference=f"tx{payment_id.hex}",
        failure_code=None,
    )


def _refund(refund_id: UUID) -> Refund:
    return replace(made_up(Refund), id=refund_id, payment_id=PAYMENTS[0], status=RefundStatus.REQUESTED)


def _notice(number: object) -> Notice:
    reference = f"tx{PAYMENTS[0].hex}"
    return Notice(provider="pix", event_id=f"event-{number}", kind="pix", provider_reference=reference)


async def _seed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        statuses = (PaymentStatus.SUCCEEDED, PaymentStatus.REQUIRES_ACTION)
        rows = [asdict(_payment(one, statuses[number % 2])) for number, one in enumerate(PAYMENTS)]
        await connection.execute(
            sa.insert(tables.payments), [row | {"updated_at": _LONG_AGO, "check_at": _LONG_AGO} for row in rows]
        )
        for refund_id in REFUNDS:
            await refunds.insert_refund(connection, _refund(refund_id), check_at=_LONG_AGO)
        await webhook_events.store(connection, [_notice(number) for number in range(100)], _LONG_AGO)


REHEARSED: Final = Rehearsed(
    service="payments",
    seed=_seed,
    samples={
        "payment": lambda: _payment(uuid4()),
        "provider": "pix",
        "payment_id": PAYMENTS[1],
        "payer_id": PAYER,
        "ids": PAYMENTS[:2],
        "refund": lambda: _refund(uuid4()),
        "refund_id": REFUNDS[0],
        "notices": lambda: [_notice(uuid4()), _notice(0)],
        "number": 1,
        "reference": f"reservation:{PAYMENTS[1]}",
    },
    calls={
        "payments.save": lambda connection: payments.save(
            connection, replace(_payment(PAYMENTS[1]), captured_minor=1_000), datetime.now(UTC)
        ),
        "refunds.save": lambda connection: refunds.save(
            connection, _refund(REFUNDS[0]), datetime.now(UTC), check_at=datetime.now(UTC)
        ),
    },
    partial_indexes={
        "payments.insert_payment": "uq_payments_open",
        "payments.claim_open_to_check": "ix_payments_check",
        "refunds.claim_unfinished": "ix_refunds_check",
        "webhook_events.claim": "ix_webhook_events_due",
    },
)
