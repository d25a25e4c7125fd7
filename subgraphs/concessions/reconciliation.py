"""What the reconciliation asks of concessions. Ids are raw UUIDs."""

from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import internal_only
from subgraphs.chassis.graphql.pagination import MAX_PAGE
from subgraphs.concessions.background import sweep
from subgraphs.concessions.enums import OrderStatus
from subgraphs.concessions.repositories import orders


@strawberry.federation.type(inaccessible=True, description="The live order of a reservation.")
class ConcessionOrderFacts:
    reservation_id: strawberry.ID
    status: OrderStatus
    total_minor: int


@strawberry.type
class ReconciliationQuery:
    @strawberry.federation.field(
        inaccessible=True, description="Of at most 100 reservations, the orders that are placed or paid."
    )
    async def concession_order_facts(
        self, info: Info, reservation_ids: list[strawberry.ID]
    ) -> list[ConcessionOrderFacts]:
        internal_only(info)
        if len(reservation_ids) > MAX_PAGE:
            raise BadInput(f"More than {MAX_PAGE} ids.")
        try:
            ids = [UUID(one) for one in reservation_ids]
        except ValueError as error:
            raise BadInput("An id of an internal operation is not a UUID.") from error
        async with info.context.database.connect() as connection:
            found = await orders.live_orders(connection, ids)
        return [
            ConcessionOrderFacts(
                reservation_id=strawberry.ID(str(order.reservation_id)),
                status=order.status,
                total_minor=order.total_minor,
            )
            for order in found
        ]

    @strawberry.federation.field(inaccessible=True, description="How many orders are past their end, up to 1,000.")
    async def overdue_concession_orders(self, info: Info) -> int:
        internal_only(info)
        async with info.context.database.connect() as connection:
            return await orders.count_overdue(connection, 1_000)


@strawberry.type
class ReconciliationMutation:
    @strawberry.federation.field(
        inaccessible=True, description="Ends some orders that are past their end; how many, 0 when none is left."
    )
    async def expire_overdue_concession_orders(self, info: Info) -> int:
        internal_only(info)
        return await sweep(info.context.database)
