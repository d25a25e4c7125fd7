"""The service's GraphQL schema."""

from __future__ import annotations

import strawberry

from subgraphs.chassis.graphql.bad_values import storable
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.guards import GATEWAY, customer_of, internal_only
from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.payments.mutations import Mutation
from subgraphs.payments.reconciliation import ReconciliationQuery
from subgraphs.payments.repositories import payments
from subgraphs.payments.types import Payment, load_payment, payment_type


@strawberry.type
class Query(ReconciliationQuery):
    @strawberry.field(description="A payment of the signed-in customer.")
    async def payment(self, info: Info, id: strawberry.ID) -> Payment | None:
        return await load_payment(info, id)

    @strawberry.federation.field(inaccessible=True)
    async def payments_by_reference(self, info: Info, reference: str) -> list[Payment]:
        """The signed-in customer's, the newest first, at most 50."""
        internal_only(info, GATEWAY)
        payer_id = customer_of(info)
        async with info.context.database.connect() as connection:
            known = storable(reference, "reference")
            found = await payments.list_by_reference(connection, known, payer_id=payer_id)
        return [payment_type(info, payment) for payment in found]


schema = build_schema(query=Query, mutation=Mutation, types=[Payment], costs={"qrCodeSvg": 25})
