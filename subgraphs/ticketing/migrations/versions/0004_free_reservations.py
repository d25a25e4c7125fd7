"""A reservation of total 0 is confirmed without a payment."""

from alembic import op

revision = "0004_free_reservations"
down_revision = "0003_queue_sequence"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE reservations DROP CONSTRAINT ck_reservations_confirmed_is_paid",
    """ALTER TABLE reservations ADD CONSTRAINT ck_reservations_confirmed_is_paid
    CHECK (status <> 'CONFIRMED' OR payment_id IS NOT NULL OR unit_price_minor + unit_fee_minor = 0)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
