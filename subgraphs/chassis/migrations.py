"""Alembic for services: their ``migrations/env.py`` calls ``run_migrations``, everybody else ``upgrade``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

# Two processes that start at once must not migrate at once.
MIGRATION_LOCK: Final = 0x62696C68


def run_migrations(context: Any, metadata: sa.MetaData) -> None:
    """The whole of a service's ``env.py``, with ``from alembic import context``."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Bring the service's database at ``url`` (postgresql+asyncpg://…) to ``revision``. Idempotent."""
    config = _config(service)
    engine = create_async_engine(url, poolclass=sa.NullPool, connect_args={"timeout": 10})
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            await connection.run_sync(_upgrade, config, revision)
    finally:
        await engine.dispose()


async def drift(service: str, url: str) -> list[Any]:
    """What ``tables.py`` declares and the migrated database has not, or the other way round; [] when they agree."""
    engine = create_async_engine(url, poolclass=sa.NullPool, connect_args={"timeout": 10})
    metadata = import_module(f"subgraphs.{service}.tables").metadata
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_compare, metadata)
    finally:
        await engine.dispose()


def _config(service: str) -> Any:
    from alembic.config import Config

    package = import_module(f"subgraphs.{service}")
    config = Config()
    config.set_main_option("script_location", str(Path(str(package.__file__)).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: sa.Connection, config: Any, revision: str) -> None:
    from alembic import command

    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _compare(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return list(compare_metadata(MigrationContext.configure(connection), metadata))
