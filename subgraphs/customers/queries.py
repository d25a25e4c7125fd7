"""Who am I; and, for our own services, who pays."""

from datetime import date
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.guards import GATEWAY, WORKERS, internal_only
from subgraphs.customers.repositories import customers
from subgraphs.customers.resources import resources_of
from subgraphs.customers.types import Customer, own_customer


@strawberry.federation.type(inaccessible=True)
class CustomerProfile:
    customer_id: strawberry.ID
    name: str
    email: str
    cpf: str
    birth_date: date
    locale: str


@strawberry.type
class Query:
    @strawberry.field(description="The customer who is signed in; null for whoever is not.")
    async def me(self, info: Info) -> Customer | None:
        return await own_customer(info)

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
