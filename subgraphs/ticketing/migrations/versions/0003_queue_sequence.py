"""Places in line are the queue's own numbers, which have up to 128 bits."""

from __future__ import annotations

from alembic import op

revision = "0003_queue_sequence"
down_revision = "0002_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sectors ALTER COLUMN last_served_sequence TYPE NUMERIC(39)")
    op.execute("ALTER TABLE reservations ALTER COLUMN sequence TYPE NUMERIC(39)")
