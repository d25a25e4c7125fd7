"""Alembic's entry; the chassis supplies the connection."""

from alembic import context

from subgraphs.chassis.migrations import run_migrations
from subgraphs.ticketing.tables import metadata

run_migrations(context, metadata)
