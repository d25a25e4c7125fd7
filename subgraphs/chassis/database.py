"""PostgreSQL through SQLAlchemy Core: one pool for a process, transactions opened at the edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, literal_column, text
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

# Left there for the listener: the keys that watchers are to be told of once the transaction is committed.
NEWS_MARK: Final = "chassis.news"

IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a statement may wait for a lock, and take in all, in milliseconds. Held by the server."""

    lock_ms: int
    statement_ms: int


# Somebody waits for the answer, and a place in the pool is held meanwhile.
REQUEST: Final = Limits(lock_ms=3_000, statement_ms=5_000)
# Nobody waits, and what is given up is only done again.
BACKGROUND: Final = Limits(lock_ms=10_000, statement_ms=30_000)


# Until the transaction ends (the third argument).
_SET_LIMITS: Final = text("SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :all, true)")


def is_one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """``column IN ('A', 'B')`` with the values in the SQL text: use it for what a partial index's predicate says.

    From a statement's sixth execution on a connection PostgreSQL may plan it without looking at bound values. It then
    uses no partial index, and an ``ON CONFLICT`` that needs one is an error.
    """
    return column.in_([literal_column("'{}'".format(str(value).replace("'", "''"))) for value in sorted(values)])


class Database:
    """A connection pool. Use ``transaction()`` to write, ``connect()`` to read; nobody else commits.

    The server cuts off what takes longer than ``limits``, and a transaction left idle after 30 s.
    Connecting, and waiting for a free connection, each take at most 5 s. ``transient.may_pass`` tells such faults
    from those that stay.
    """

    def __init__(
        self, url: str, *, pool_size: int = 5, application_name: str = "bilhetagem", limits: Limits = REQUEST
    ) -> None:
        self.url = url
        self.events_committed = asyncio.Event()
        self.on_news: Callable[[list[str]], None] | None = None
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
                    "lock_timeout": str(limits.lock_ms),
                    "statement_timeout": str(limits.statement_ms),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                },
            },
        )

    @asynccontextmanager
    async def transaction(self, limits: Limits | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection inside BEGIN … COMMIT; an exception rolls back. The edge owns it, use cases only use it.

        ``limits`` other than the pool's cost a round trip.
        """
        async with self._engine.connect() as connection:
            connection.info.pop(OUTBOX_MARK, None)
            # Kept here too: a connection that was cut off has no ``info`` any more, and asking for it would connect.
            news: list[str] = []
            connection.info[NEWS_MARK] = news
            try:
                async with connection.begin():
                    if limits is not None:
                        await connection.execute(
                            _SET_LIMITS, {"lock": str(limits.lock_ms), "all": str(limits.statement_ms)}
                        )
                    yield connection
            finally:
                # Also after a failure: a commit that was cut off may have come to pass, and looking again harms nobody.
                if news and self.on_news is not None:
                    self.on_news(news)
            if connection.info.pop(OUTBOX_MARK, False):
                self.events_committed.set()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading: its transaction is READ ONLY and always rolled back."""
        async with self._engine.connect() as connection:
            read_only = await connection.execution_options(postgresql_readonly=True)
            yield read_only

    def places_taken(self) -> int:
        """How many connections of the pool are lent."""
        return self._engine.pool.checkedout()  # type: ignore[attr-defined,no-any-return]

    async def ping(self) -> None:
        """Raise what the driver raises when the server cannot answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()
