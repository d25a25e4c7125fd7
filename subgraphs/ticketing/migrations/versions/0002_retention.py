"""Index what is deleted by its age."""

from alembic import op

revision = "0002_retention"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_index("ix_purchase_limits_event_id", "purchase_limits", ["event_id"])


def downgrade() -> None:
    op.drop_index("ix_purchase_limits_event_id", "purchase_limits")
    op.drop_index("ix_idempotency_created_at", "idempotency")
