"""The tables of this service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from subgraphs.chassis import idempotency, outbox
from subgraphs.chassis.database import NAMING_CONVENTION
from subgraphs.payments.domain.payment import PaymentMethod
from subgraphs.payments.domain.refunds import UNDER_WAY, RefundStatus
from subgraphs.payments.domain.states import CAPTURED, OPEN, PaymentStatus

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
outbox.outbox_table(metadata)
idempotency.idempotency_table(metadata)

_MOMENT: Final = sa.DateTime(timezone=True)


def _one_of(column: str, values: type[PaymentStatus | RefundStatus | PaymentMethod]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _is_any_of(column: str, values: Iterable[str]) -> sa.ColumnElement[bool]:
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return sa.literal_column(f"{column} IN ({listed})", sa.Boolean)


# Literal also where statements use them: PostgreSQL plans a statement generically from its sixth execution on a
# connection, and values that are bound then match no partial index.
IS_OPEN: Final = _is_any_of("payments.status", OPEN)
IS_CAPTURED: Final = _is_any_of("payments.status", CAPTURED)
IS_UNDER_WAY: Final = _is_any_of("refunds.status", UNDER_WAY)
_OPEN_INDEX: Final = _is_any_of("status", OPEN)
# Money that a reconciliation has not found where it belongs yet.
UNACCOUNTED_SQL: Final = "accounted_status IS DISTINCT FROM status AND status IN ('SUCCEEDED', 'PARTIALLY_REFUNDED')"

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("payer_id", sa.Uuid, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("captured_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("payer_name", sa.Text),
    sa.Column("card_token", sa.Text),
    sa.Column("br_code", sa.Text),
    sa.Column("end_to_end_id", sa.Text),
    sa.Column("card_brand", sa.Text),
    sa.Column("card_last4", sa.Text),
    sa.Column("failure_code", sa.Text),
    sa.Column("expires_at", _MOMENT, nullable=False),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("updated_at", _MOMENT, nullable=False),
    # When a background look at the external gateway is due; only of open payments.
    sa.Column("check_at", _MOMENT, nullable=False),
    # Of a payment that was given up here before its gateway confirmed it: when the charge is withdrawn there (again).
    sa.Column("withdraw_at", _MOMENT),
    # The status in which the money was found where it belongs; another status is looked at again, because it differs.
    sa.Column("accounted_status", sa.Text),
    _one_of("status", PaymentStatus),
    _one_of("method", PaymentMethod),
    sa.CheckConstraint("amount_minor > 0", name="amount"),
    sa.CheckConstraint("captured_minor IN (0, amount_minor)", name="captured"),
    sa.CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refunded"),
    sa.UniqueConstraint("provider", "provider_reference"),
    sa.Index("ix_payments_reference", "reference", "payer_id"),
    # A payer has at most one payment of a reference through which money may still move.
    sa.Index("uq_payments_open", "payer_id", "reference", unique=True, postgresql_where=_OPEN_INDEX),
    sa.Index("ix_payments_check", "provider", "check_at", postgresql_where=_OPEN_INDEX),
    sa.Index("ix_payments_overdue", "expires_at", "id", postgresql_where=_OPEN_INDEX),
    sa.Index("ix_payments_unaccounted", "updated_at", "id", postgresql_where=sa.text(UNACCOUNTED_SQL)),
    sa.Index("ix_payments_withdraw", "provider", "withdraw_at", postgresql_where=sa.text("withdraw_at IS NOT NULL")),
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("payment_id", sa.Uuid, sa.ForeignKey("payments.id"), nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("provider_reference", sa.Text),
    sa.Column("failure_code", sa.Text),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("updated_at", _MOMENT, nullable=False),
    sa.Column("check_at", _MOMENT, nullable=False),
    _one_of("status", RefundStatus),
    sa.CheckConstraint("amount_minor > 0", name="amount"),
    sa.CheckConstraint("attempt BETWEEN 1 AND 99", name="attempt"),
    sa.Index("ix_refunds_check", "check_at", postgresql_where=sa.text("status <> 'SUCCEEDED'")),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text),
    sa.Column("notice", JSONB, nullable=False),
    sa.Column("received_at", _MOMENT, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", _MOMENT, nullable=False),
    sa.Column("processed_at", _MOMENT, index=True),
    sa.Column("outcome", sa.Text),
    # Why it was set aside: for operators.
    sa.Column("reason", sa.Text),
    sa.UniqueConstraint("provider", "event_id"),
    sa.Index("ix_webhook_events_due", "provider", "due_at", postgresql_where=sa.text("processed_at IS NULL")),
)
