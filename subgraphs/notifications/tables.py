"""The tables of the notifications service."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from subgraphs.chassis import inbox, outbox
from subgraphs.chassis.database import NAMING_CONVENTION

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)

inbox.inbox_table(metadata)
outbox.outbox_table(metadata)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("customer_id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("phone", sa.Text),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("email_enabled", sa.Boolean, nullable=False),
    sa.Column("sms_enabled", sa.Boolean, nullable=False),
    # When the customers service said so: an older event that arrives later changes nothing.
    sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
)

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False, index=True),
    sa.Column("customer_id", sa.Uuid, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.Text, nullable=False, server_default=""),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("claimed_at", sa.DateTime(timezone=True)),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("event_id", "channel"),
    sa.CheckConstraint("channel IN ('EMAIL', 'SMS')", name="channel"),
    sa.CheckConstraint("status IN ('PENDING', 'SENDING', 'SENT')", name="status"),
    sa.CheckConstraint("(status = 'SENT') = (sent_at IS NOT NULL)", name="sent"),
    sa.Index("ix_notifications_customer_id_created_at_id", "customer_id", "created_at", "id"),
)
