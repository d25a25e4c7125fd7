"""Reservations remember for which status all was found in order; payments that were refused stay refused."""

from alembic import op

revision = "0007_settled_status"
down_revision = "0006_gate"
branch_labels = None
depends_on = None


STATEMENTS = (
    "ALTER TABLE reservations ADD COLUMN settled_status TEXT",
    """ALTER TABLE reservations ADD COLUMN settled_from TIMESTAMP WITH TIME ZONE
    GENERATED ALWAYS AS (CASE WHEN status IN ('HELD', 'AWAITING_PAYMENT') THEN held_until
        ELSE COALESCE(confirmed_at, created_at) END) STORED""",
    """CREATE INDEX ix_reservations_unsettled ON reservations (settled_from, id)
    WHERE settled_status IS DISTINCT FROM status
        AND status IN ('HELD', 'AWAITING_PAYMENT', 'CONFIRMED', 'EXPIRED', 'CANCELLED')""",
    """CREATE TABLE refused_payments (
        payment_id UUID NOT NULL,
        reservation_id UUID NOT NULL,
        reason TEXT NOT NULL,
        refused_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_refused_payments PRIMARY KEY (payment_id),
        CONSTRAINT ck_refused_payments_reason CHECK (reason IN ('UNITS_TAKEN', 'AMOUNT_MISMATCH')),
        CONSTRAINT fk_refused_payments_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservations (id)
    )""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("refused_payments")
    op.drop_index("ix_reservations_unsettled", "reservations")
    op.drop_column("reservations", "settled_from")
    op.drop_column("reservations", "settled_status")
