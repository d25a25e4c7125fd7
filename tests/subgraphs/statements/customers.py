"""Rows and arguments for the statements of customers."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from subgraphs.customers.domain.customer import Customer, Preferences
from subgraphs.customers.repositories import customers, sessions
from subgraphs.customers.tables import refresh_tokens, sign_in_attempts
from subgraphs.customers.tables import sessions as session_rows
from tests.subgraphs.statements.rehearsal import Rehearsed

CUSTOMER: Final = uuid4()
SESSION: Final = uuid4()


def _customer(customer_id: UUID) -> Customer:
    return Customer(
        id=customer_id,
        name="Ana Souza",
        email=f"{customer_id}@example.com",
        sealed_cpf=customer_id.bytes + b"x" * 11,
        birth_date=date(1990, 5, 17),
        phone="+5511987654321",
        preferences=Preferences(),
        scopes=frozenset({"customer"}),
        created_at=datetime.now(UTC),
    )


async def _seed(engine: AsyncEngine) -> None:
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        await customers.add_customer(connection, _customer(CUSTOMER), "hash")
        await sessions.open_session(connection, SESSION, CUSTOMER, now)
        await sessions.add_refresh_token(connection, SESSION, b"token", now)
        old = [{"id": uuid4(), "customer_id": CUSTOMER, "created_at": now, "expires_at": now} for _ in range(50)]
        await connection.execute(sa.insert(session_rows), old)
        await connection.execute(
            sa.insert(refresh_tokens),
            [
                {"token_hash": uuid4().bytes, "session_id": SESSION, "issued_at": now, "expires_at": now}
                for _ in range(50)
            ],
        )
        long_ago = now - timedelta(days=1)
        await connection.execute(
            sa.insert(sign_in_attempts),
            [{"subject_hash": uuid4().bytes, "failures": 1, "window_started_at": long_ago} for _ in range(100)],
        )


REHEARSED: Final = Rehearsed(
    service="customers",
    seed=_seed,
    samples={
        "customer": lambda: _customer(uuid4()),
        "customer_id": CUSTOMER,
        "customer_ids": [CUSTOMER],
        "preferences": Preferences(),
        "session_id": SESSION,
        "email": f"{CUSTOMER}@example.com",
    },
    calls={
        "sessions.open_session": lambda connection: sessions.open_session(
            connection, uuid4(), CUSTOMER, datetime.now(UTC)
        ),
    },
)
