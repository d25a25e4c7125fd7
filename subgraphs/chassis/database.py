"""PostgreSQL through SQLAlchemy Core: one pool for a process, transactions opened at the edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# Left in a connection's ``info`` by the outbox, so that a commit wakes the relay without a query or a NOTIFY.
OUTBOX_MARK: Final = "chassis.outbox"

STATEMENT_TIMEOUT_MS: Final = 15_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 30_000


class Database:
    """A connection pool. Use ``transaction()`` to write, ``connect()`` to read; nobody else commits.

    Every statement is cut off after 15 s and a transaction left idle after 30 s, by the server.
    Connecting, and waiting for a free connection, each take at most 5 s (``TimeoutError``).
    """

    def __init__(self, url: str, *, pool_size: int = 5, application_name: str = "bilhetagem") -> None:
        self.url = url
        self.events_committed = asyncio.Event()
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_recycle=1800,
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": application_name,
                    "timezone": "UTC",
                    # Our statements are short: compiling one to machine code costs more than it saves.
                    "jit": "off",
                    # So does starting processes to share one: 5 ms for a page that takes 1.
                    "max_parallel_workers_per_gather": "0",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                },
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside BEGIN … COMMIT; an exception rolls back. The edge owns it, use cases only use it."""
        async with self._engine.connect() as connection:
            connection.info.pop(OUTBOX_MARK, None)
            async with connection.begin():
                yield connection
            if connection.info.pop(OUTBOX_MARK, False):
                self.events_committed.set()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading: its transaction is READ ONLY and always rolled back."""
        async with self._engine.connect() as connection:
            read_only = await connection.execution_options(postgresql_readonly=True)
            yield read_only

    async def ping(self) -> None:
        """Raise what the driver raises when the server cannot answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()
