"""Alembic's environment of this service."""

from alembic import context

from subgraphs.chassis.migrations import run_migrations
from subgraphs.payments.tables import metadata

run_migrations(context, metadata)
