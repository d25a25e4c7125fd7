"""SQL of customers and their consents."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.contact import email_key
from subgraphs.customers.domain.customer import Consent, Customer, Preferences, Purpose
from subgraphs.customers.errors import Reason
from subgraphs.customers.tables import consents, customers


async def add_customer(connection: AsyncConnection, customer: Customer, password_hash: str) -> Reason | None:
    """None when it was added; EMAIL_TAKEN or CPF_TAKEN when the database already has it, and nothing changes."""
    added = await connection.execute(
        insert(customers)
        .values(
            id=customer.id,
            name=customer.name,
            email=customer.email,
            email_key=email_key(customer.email),
            password_hash=password_hash,
            sealed_cpf=customer.sealed_cpf,
            birth_date=customer.birth_date,
            phone=customer.phone,
            locale=customer.preferences.locale,
            email_enabled=customer.preferences.email_enabled,
            sms_enabled=customer.preferences.sms_enabled,
            scopes=sorted(customer.scopes),
            created_at=customer.created_at,
        )
        .on_conflict_do_nothing()
        .returning(customers.c.id)
    )
    if added.first() is not None:
        return None
    same_address = sa.select(customers.c.id).where(customers.c.email_key == email_key(customer.email))
    taken = (await connection.execute(same_address)).first() is not None
    return Reason.EMAIL_TAKEN if taken else Reason.CPF_TAKEN


async def find_customer(connection: AsyncConnection, customer_id: UUID) -> Customer | None:
    row = (await connection.execute(sa.select(customers).where(customers.c.id == customer_id))).first()
    return _customer(row) if row is not None else None


async def birth_dates(connection: AsyncConnection, customer_ids: Sequence[UUID]) -> dict[UUID, date]:
    """Of those that there are, and nothing else about them."""
    statement = sa.select(customers.c.id, customers.c.birth_date).where(customers.c.id.in_(set(customer_ids)))
    return {row.id: row.birth_date for row in await connection.execute(statement)}


async def lock_customer(connection: AsyncConnection, customer_id: UUID) -> Customer | None:
    """As found, until the transaction ends: what is decided on and told of it is not overtaken by another change."""
    statement = sa.select(customers).where(customers.c.id == customer_id).with_for_update(key_share=True)
    row = (await connection.execute(statement)).first()
    return _customer(row) if row is not None else None


async def find_credentials(connection: AsyncConnection, email: str) -> tuple[Customer, str] | None:
    """The customer with this address, and the hash of the password."""
    row = (await connection.execute(sa.select(customers).where(customers.c.email_key == email_key(email)))).first()
    return (_customer(row), row.password_hash) if row is not None else None


async def set_password_hash(connection: AsyncConnection, customer_id: UUID, password_hash: str) -> None:
    await connection.execute(
        sa.update(customers).where(customers.c.id == customer_id).values(password_hash=password_hash)
    )


async def set_preferences(connection: AsyncConnection, customer_id: UUID, preferences: Preferences) -> None:
    await connection.execute(
        sa.update(customers)
        .where(customers.c.id == customer_id)
        .values(
            locale=preferences.locale,
            email_enabled=preferences.email_enabled,
            sms_enabled=preferences.sms_enabled,
            updated_at=sa.func.now(),
        )
    )


async def add_consent(connection: AsyncConnection, customer_id: UUID, consent: Consent) -> None:
    """Consents are appended, never changed: what was agreed to when must stay provable (LGPD, art. 8 § 2)."""
    await connection.execute(
        sa.insert(consents).values(
            customer_id=customer_id,
            purpose=consent.purpose.value,
            granted=consent.granted,
            recorded_at=consent.recorded_at,
        )
    )


async def latest_consents(connection: AsyncConnection, customer_ids: Sequence[UUID]) -> dict[UUID, list[Consent]]:
    """What holds now for each purpose that was ever decided on, by customer."""
    latest = (
        sa.select(sa.func.max(consents.c.id))
        .where(consents.c.customer_id.in_(customer_ids))
        .group_by(consents.c.customer_id, consents.c.purpose)
    )
    statement = sa.select(consents).where(consents.c.id.in_(latest)).order_by(consents.c.purpose)
    found: dict[UUID, list[Consent]] = {customer_id: [] for customer_id in customer_ids}
    for row in await connection.execute(statement):
        found[row.customer_id].append(Consent(Purpose(row.purpose), row.granted, row.recorded_at))
    return found


def _customer(row: sa.Row[Any]) -> Customer:
    return Customer(
        id=row.id,
        name=row.name,
        email=row.email,
        sealed_cpf=row.sealed_cpf,
        birth_date=row.birth_date,
        phone=row.phone,
        preferences=Preferences(row.locale, row.email_enabled, row.sms_enabled),
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
    )
