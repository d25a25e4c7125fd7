"""Alembic's entry point."""

from alembic import context

from subgraphs.chassis.migrations import run_migrations
from subgraphs.notifications.tables import metadata

run_migrations(context, metadata)
