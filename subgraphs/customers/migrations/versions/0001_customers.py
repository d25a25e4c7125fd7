"""Create customers, their sessions, sign-in attempts, consents and the outbox."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE customers (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        email_key TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        sealed_cpf BYTEA NOT NULL,
        birth_date DATE NOT NULL,
        phone TEXT,
        locale TEXT NOT NULL,
        email_enabled BOOLEAN NOT NULL,
        sms_enabled BOOLEAN NOT NULL,
        scopes TEXT[] NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_customers PRIMARY KEY (id),
        CONSTRAINT ck_customers_cpf_sealed CHECK (octet_length(sealed_cpf) = 27),
        CONSTRAINT ck_customers_locale_known CHECK (locale IN ('pt-BR', 'en')),
        CONSTRAINT ck_customers_sms_needs_phone CHECK (NOT sms_enabled OR phone IS NOT NULL),
        CONSTRAINT uq_customers_email_key UNIQUE (email_key),
        CONSTRAINT uq_customers_sealed_cpf UNIQUE (sealed_cpf)
    )""",
    """CREATE TABLE outbox (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (position),
        CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
    )""",
    """CREATE TABLE sign_in_attempts (
        email_hash BYTEA NOT NULL,
        failures INTEGER NOT NULL,
        window_started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_sign_in_attempts PRIMARY KEY (email_hash)
    )""",
    """CREATE INDEX ix_sign_in_attempts_window_started_at ON sign_in_attempts (window_started_at)""",
    """CREATE TABLE consents (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        customer_id UUID NOT NULL,
        purpose TEXT NOT NULL,
        granted BOOLEAN NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_consents PRIMARY KEY (id),
        CONSTRAINT fk_consents_customer_id FOREIGN KEY(customer_id) REFERENCES customers (id) ON DELETE CASCADE
    )""",
    """CREATE INDEX ix_consents_customer_id_purpose_id ON consents (customer_id, purpose, id)""",
    """CREATE TABLE sessions (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        end_reason TEXT,
        CONSTRAINT pk_sessions PRIMARY KEY (id),
        CONSTRAINT fk_sessions_customer_id FOREIGN KEY(customer_id) REFERENCES customers (id) ON DELETE CASCADE
    )""",
    """CREATE INDEX ix_sessions_customer_id ON sessions (customer_id)""",
    """CREATE TABLE refresh_tokens (
        token_hash BYTEA NOT NULL,
        session_id UUID NOT NULL,
        issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_refresh_tokens PRIMARY KEY (token_hash),
        CONSTRAINT fk_refresh_tokens_session_id FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
    )""",
    """CREATE INDEX ix_refresh_tokens_session_id ON refresh_tokens (session_id)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("consents", "sign_in_attempts", "refresh_tokens", "sessions", "customers", "outbox"):
        op.drop_table(table)
