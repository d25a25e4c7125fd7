"""Places in line are the queue's own numbers, which have up to 128 bits."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sectors ALTER COLUMN last_served_sequence TYPE NUMERIC(39)")
    op.execute("ALTER TABLE reservations ALTER COLUMN sequence TYPE NUMERIC(39)")
