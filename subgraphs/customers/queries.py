"""Who am I; and, for our own services, who pays."""

from datetime import date
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import GATEWAY, WORKERS, internal_only
from subgraphs.customers.repositories import customers
from subgraphs.customers.resources import resources_of
from subgraphs.customers.types import Customer, own_customer

MAX_BIRTH_DATES = 100


@strawberry.federation.type(inaccessible=True)
class CustomerProfile:
    customer_id: strawberry.ID
    name: str
    email: str
    cpf: str
    birth_date: date
    locale: str


@strawberry.federation.type(inaccessible=True)
class CustomerBirthDate:
    customer_id: strawberry.ID
    birth_date: date


@strawberry.type
class Query:
    @strawberry.field(description="The customer who is signed in; null for whoever is not.")
    async def me(self, info: Info) -> Customer | None:
        return await own_customer(info)

    @strawberry.federation.field(
        inaccessible=True, description="Of at most 100 customers, for rules about age; unknown ones are left out."
    )
    async def birth_dates(self, info: Info, customer_ids: list[strawberry.ID]) -> list[CustomerBirthDate]:
        internal_only(info, WORKERS)
        if len(customer_ids) > MAX_BIRTH_DATES:
            raise BadInput(f"More than {MAX_BIRTH_DATES} customers.", ("customerIds",))
        try:
            wanted = [UUID(one) for one in customer_ids]
        except ValueError as error:
            raise BadInput("An id of an internal operation is not a UUID.", ("customerIds",)) from error
        async with info.context.database.connect() as connection:
            found = await customers.birth_dates(connection, wanted)
        return [
            CustomerBirthDate(customer_id=strawberry.ID(str(id_)), birth_date=birth_date)
            for id_, birth_date in found.items()
        ]

    @strawberry.federation.field(inaccessible=True)
    async def customer_profile(self, info: Info, customer_id: strawberry.ID) -> CustomerProfile | None:
        internal_only(info, WORKERS | GATEWAY)
        try:
            wanted = UUID(customer_id)
        except ValueError:
            return None
        # The gateway speaks for one customer at a time and learns of no other.
        if info.context.identity.caller not in WORKERS and wanted != info.context.customer_id:
            return None
        async with info.context.database.connect() as connection:
            found = await customers.find_customer(connection, wanted)
        if found is None:
            return None
        return CustomerProfile(
            customer_id=strawberry.ID(str(found.id)),
            name=found.name,
            email=found.email,
            cpf=resources_of(info).cpfs.unseal(found.sealed_cpf),
            birth_date=found.birth_date,
            locale=found.preferences.locale,
        )
