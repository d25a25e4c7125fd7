"""Payments remember for which status a reconciliation has found their money where it belongs."""

from alembic import op

revision = "0004_accounted_status"
down_revision = "0003_withdrawals"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE payments ADD COLUMN accounted_status TEXT",
    """CREATE INDEX ix_payments_unaccounted ON payments (updated_at, id)
    WHERE accounted_status IS DISTINCT FROM status AND status IN ('SUCCEEDED', 'PARTIALLY_REFUNDED')""",
    """CREATE INDEX ix_payments_overdue ON payments (expires_at, id)
    WHERE status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION')""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_payments_overdue", "payments")
    op.drop_index("ix_payments_unaccounted", "payments")
    op.drop_column("payments", "accounted_status")
