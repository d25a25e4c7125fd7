"""Withdrawals of charges, reasons of webhooks that were set aside, and indexes by company: each has a lane of its own."""

from alembic import op

revision = "0003_withdrawals"
down_revision = "0002_retention"
branch_labels = None
depends_on = None

STATEMENTS = (
    """ALTER TABLE payments ADD COLUMN withdraw_at TIMESTAMP WITH TIME ZONE""",
    """ALTER TABLE webhook_events ADD COLUMN reason TEXT""",
    """CREATE INDEX ix_payments_withdraw ON payments (provider, withdraw_at)
    WHERE withdraw_at IS NOT NULL""",
    """DROP INDEX ix_payments_check""",
    """CREATE INDEX ix_payments_check ON payments (provider, check_at)
    WHERE status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION')""",
    """DROP INDEX ix_webhook_events_due""",
    """CREATE INDEX ix_webhook_events_due ON webhook_events (provider, due_at)
    WHERE processed_at IS NULL""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
