"""Orders end by themselves; reservations that ordered or ended have a row of their own."""

from alembic import op

revision = "0003_order_ends"
down_revision = "0002_retention"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE reservations (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        ended TEXT,
        refused_payment_id UUID,
        refusal TEXT,
        ordered BOOLEAN DEFAULT false NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_reservations PRIMARY KEY (id),
        CONSTRAINT ck_reservations_ended_known CHECK (ended IN ('EXPIRED', 'CANCELLED')),
        CONSTRAINT ck_reservations_refusal_known
        CHECK (refusal IN ('NONE', 'EXPIRED', 'CANCELLED', 'AMOUNT_MISMATCH')),
        CONSTRAINT ck_reservations_refusal_has_payment CHECK ((refusal IS NULL) = (refused_payment_id IS NULL))
    )""",
    """CREATE INDEX ix_reservations_without_orders ON reservations (seen_at)
    WHERE NOT ordered""",
    # One live order per reservation also meant one customer: the earliest order says whose the reservation is.
    """INSERT INTO reservations (id, customer_id, ordered)
    SELECT DISTINCT ON (reservation_id) reservation_id, customer_id, true FROM concession_orders
    WHERE reservation_id IS NOT NULL ORDER BY reservation_id, created_at""",
    """ALTER TABLE concession_orders ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE""",
    # Nobody knows until when their reservations were held; no hold is longer than a day.
    """UPDATE concession_orders SET expires_at = created_at + interval '1 day 15 minutes'""",
    """ALTER TABLE concession_orders ADD CONSTRAINT ck_concession_orders_placed_has_end
    CHECK (status <> 'PLACED' OR expires_at IS NOT NULL)""",
    """ALTER TABLE concession_orders ADD CONSTRAINT fk_concession_orders_reservation_id
    FOREIGN KEY(reservation_id) REFERENCES reservations (id)""",
    """CREATE INDEX ix_concession_orders_overdue ON concession_orders (expires_at)
    WHERE status = 'PLACED'""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_concession_orders_overdue", "concession_orders")
    op.drop_constraint("fk_concession_orders_reservation_id", "concession_orders")
    op.drop_constraint("ck_concession_orders_placed_has_end", "concession_orders")
    op.drop_column("concession_orders", "expires_at")
    op.drop_table("reservations")
