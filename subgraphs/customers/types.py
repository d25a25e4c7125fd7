"""What customers see of themselves."""

from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from typing import Self
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import Node
from subgraphs.customers.domain import customer as domain
from subgraphs.customers.domain.cpf import mask_cpf
from subgraphs.customers.repositories import customers
from subgraphs.customers.resources import resources_of


@strawberry.enum(name="Locale", description="The languages customers are written to in.")
class PreferredLocale(Enum):
    PT_BR = "pt-BR"
    EN = "en"


@strawberry.enum
class ConsentPurpose(Enum):
    MARKETING = "MARKETING"
    PERSONALISATION = "PERSONALISATION"


@strawberry.type
class Preferences:
    locale: PreferredLocale
    email_enabled: bool = strawberry.field(description="Mail about tickets and money is sent whatever this says.")
    sms_enabled: bool


@strawberry.type(description="What was agreed to, or no longer is, and when.")
class Consent:
    purpose: ConsentPurpose
    granted: bool
    recorded_at: datetime


def _masked_cpf(root: strawberry.Parent["Customer"], info: Info) -> str:
    return mask_cpf(resources_of(info).cpfs.unseal(root.sealed_cpf))


@strawberry.federation.type(keys=["id"], description="A customer; nobody sees anybody but themselves.")
class Customer(Node):
    id: strawberry.ID
    name: str
    email: str
    birth_date: date
    cpf: str = strawberry.field(resolver=_masked_cpf, description="Masked: `***.982.247-**`.")
    phone: str | None = strawberry.field(description="E.164.")
    preferences: Preferences
    created_at: datetime
    key: strawberry.Private[UUID]
    sealed_cpf: strawberry.Private[bytes]

    @classmethod
    def of(cls, customer: domain.Customer) -> Self:
        return cls(
            id=global_id.encode("Customer", customer.id),
            name=customer.name,
            email=customer.email,
            birth_date=customer.birth_date,
            phone=customer.phone,
            preferences=Preferences(
                locale=PreferredLocale(customer.preferences.locale),
                email_enabled=customer.preferences.email_enabled,
                sms_enabled=customer.preferences.sms_enabled,
            ),
            created_at=customer.created_at,
            key=customer.id,
            sealed_cpf=customer.sealed_cpf,
        )

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Customer | None":
        customer_id = global_id.decode("Customer", id)
        return await own_customer(info) if customer_id is not None and customer_id == info.context.customer_id else None

    @strawberry.field
    async def consents(self, info: Info) -> list[Consent]:
        return [
            Consent(purpose=ConsentPurpose(one.purpose.value), granted=one.granted, recorded_at=one.recorded_at)
            for one in await consents_by_customer(info).load(self.key)
        ]


def consents_by_customer(info: Info) -> DataLoader[UUID, list[domain.Consent]]:
    """The request's loader."""

    async def load(ids: list[UUID]) -> list[list[domain.Consent]]:
        async with info.context.database.connect() as connection:
            found = await customers.latest_consents(connection, ids)
        return [found[one] for one in ids]

    return info.context.loader("consents", load)


def forget_consents(info: Info, customer_id: UUID) -> None:
    """For the next mutation of the same request, which has to see what this one recorded."""
    with suppress(KeyError):  # not looked at yet
        consents_by_customer(info).clear(customer_id)


async def own_customer(info: Info) -> Customer | None:
    """The customer of the token, loaded once a request."""
    customer_id = info.context.customer_id
    if customer_id is None:
        return None

    async def load(ids: list[UUID]) -> list[domain.Customer | None]:
        async with info.context.database.connect() as connection:
            return [await customers.find_customer(connection, one) for one in ids]

    found = await info.context.loader("customers", load).load(customer_id)
    return Customer.of(found) if found is not None else None
