"""Index what is deleted by its age."""

from alembic import op

revision = "0002_retention"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_index("ix_webhook_events_processed_at", "webhook_events", ["processed_at"])


def downgrade() -> None:
    op.drop_index("ix_webhook_events_processed_at", "webhook_events")
    op.drop_index("ix_idempotency_created_at", "idempotency")
