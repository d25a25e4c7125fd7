"""The service's tables. No CPF stands in the clear: see ``cpf_vault.py``."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from subgraphs.chassis import outbox
from subgraphs.chassis.database import NAMING_CONVENTION

metadata: Final = sa.MetaData(naming_convention=NAMING_CONVENTION)

outbox.outbox_table(metadata)

customers: Final = sa.Table(
    "customers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("email_key", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("sealed_cpf", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("phone", sa.Text),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("email_enabled", sa.Boolean, nullable=False),
    sa.Column("sms_enabled", sa.Boolean, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("octet_length(sealed_cpf) = 27", name="cpf_sealed"),
    sa.CheckConstraint("locale IN ('pt-BR', 'en')", name="locale_known"),
    sa.CheckConstraint("NOT sms_enabled OR phone IS NOT NULL", name="sms_needs_phone"),
)

sessions: Final = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("customer_id", sa.ForeignKey("customers.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("end_reason", sa.Text),
)

refresh_tokens: Final = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("session_id", sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("used_at", sa.DateTime(timezone=True)),
)

# By account and by client: `domain/throttle.py` says what is hashed.
sign_in_attempts: Final = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("subject_hash", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False, index=True),
)

consents: Final = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("customer_id", sa.ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index(None, "customer_id", "purpose", "id"),
)
