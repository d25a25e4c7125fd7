"""Count attempts to sign in by account and by client; index what is deleted by its age."""

from alembic import op

revision = "0002_retention"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("sign_in_attempts", "email_hash", new_column_name="subject_hash")
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_refresh_tokens_expires_at", "refresh_tokens")
    op.drop_index("ix_sessions_expires_at", "sessions")
    op.alter_column("sign_in_attempts", "subject_hash", new_column_name="email_hash")
