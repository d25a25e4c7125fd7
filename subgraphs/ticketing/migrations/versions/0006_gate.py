"""Check-in: at which gate, and how many wrong codes somebody has typed there."""

from __future__ import annotations

from alembic import op

revision = "0006_gate"
down_revision = "0005_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE tickets ADD COLUMN checked_in_gate text")
    op.execute(
        """CREATE TABLE wrong_codes (
            gate_user_id UUID NOT NULL,
            since TIMESTAMP WITH TIME ZONE NOT NULL,
            attempts INTEGER NOT NULL,
            CONSTRAINT pk_wrong_codes PRIMARY KEY (gate_user_id)
        )"""
    )
