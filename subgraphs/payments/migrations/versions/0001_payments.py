"""Create payments, refunds, webhook events, outbox and idempotency keys."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE idempotency (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        result JSONB,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (scope, key)
)
    """,
    """CREATE TABLE outbox (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (position),
        CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
)
    """,
    """CREATE TABLE payments (
        id UUID NOT NULL,
        payer_id UUID NOT NULL,
        reference TEXT NOT NULL,
        method TEXT NOT NULL,
        status TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        captured_minor BIGINT DEFAULT '0' NOT NULL,
        refunded_minor BIGINT DEFAULT '0' NOT NULL,
        provider TEXT NOT NULL,
        provider_reference TEXT,
        description TEXT,
        payer_name TEXT,
        card_token TEXT,
        br_code TEXT,
        end_to_end_id TEXT,
        card_brand TEXT,
        card_last4 TEXT,
        failure_code TEXT,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        check_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_payments PRIMARY KEY (id),
        CONSTRAINT ck_payments_status CHECK (status IN (
            'CREATED', 'REQUIRES_ACTION', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'EXPIRED', 'CANCELLED',
            'PARTIALLY_REFUNDED', 'REFUNDED', 'CHARGED_BACK')),
        CONSTRAINT ck_payments_method CHECK (method IN ('PIX', 'CARD')),
        CONSTRAINT ck_payments_amount CHECK (amount_minor > 0),
        CONSTRAINT ck_payments_captured CHECK (captured_minor IN (0, amount_minor)),
        CONSTRAINT ck_payments_refunded CHECK (refunded_minor BETWEEN 0 AND captured_minor),
        CONSTRAINT uq_payments_provider_provider_reference UNIQUE (provider, provider_reference)
)
    """,
    """CREATE INDEX ix_payments_check ON payments (check_at)
    WHERE status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION')""",
    """CREATE INDEX ix_payments_reference ON payments (reference, payer_id)""",
    """CREATE UNIQUE INDEX uq_payments_open ON payments (payer_id, reference)
    WHERE status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION')""",
    """CREATE TABLE webhook_events (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        provider TEXT NOT NULL,
        event_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        provider_reference TEXT,
        notice JSONB NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        processed_at TIMESTAMP WITH TIME ZONE,
        outcome TEXT,
        CONSTRAINT pk_webhook_events PRIMARY KEY (id),
        CONSTRAINT uq_webhook_events_provider_event_id UNIQUE (provider, event_id)
)
    """,
    """CREATE INDEX ix_webhook_events_due ON webhook_events (due_at)
    WHERE processed_at IS NULL""",
    """CREATE TABLE refunds (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        amount_minor BIGINT NOT NULL,
        reason TEXT NOT NULL,
        status TEXT NOT NULL,
        attempt INTEGER DEFAULT '1' NOT NULL,
        provider_reference TEXT,
        failure_code TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        check_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_refunds PRIMARY KEY (id),
        CONSTRAINT ck_refunds_status CHECK (status IN ('REQUESTED', 'SUBMITTED', 'SUCCEEDED', 'FAILED')),
        CONSTRAINT ck_refunds_amount CHECK (amount_minor > 0),
        CONSTRAINT ck_refunds_attempt CHECK (attempt BETWEEN 1 AND 99),
        CONSTRAINT fk_refunds_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
)
    """,
    """CREATE INDEX ix_refunds_check ON refunds (check_at)
    WHERE status <> 'SUCCEEDED'""",
    """CREATE INDEX ix_refunds_payment_id ON refunds (payment_id)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
