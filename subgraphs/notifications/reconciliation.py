"""What the reconciliation asks of notifications: whether an event has arrived, and whether all it led to was sent."""

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import internal_only
from subgraphs.chassis.graphql.pagination import MAX_PAGE
from subgraphs.notifications import repository

MAX_ID_LENGTH = 200


@strawberry.federation.type(inaccessible=True, description="An event that has arrived.")
class ArrivedEvent:
    event_id: str
    unsent: int = strawberry.field(description="How many messages that it led to have not been sent.")


@strawberry.type
class Query:
    @strawberry.federation.field(
        inaccessible=True, description="Those of at most 500 events that have arrived; the others are left out."
    )
    async def arrived_events(self, info: Info, ids: list[str]) -> list[ArrivedEvent]:
        internal_only(info)
        if len(ids) > 5 * MAX_PAGE or any(len(one) > MAX_ID_LENGTH or "\0" in one for one in ids):
            raise BadInput(f"More than {5 * MAX_PAGE} ids, or one that is none.")
        async with info.context.database.connect() as connection:
            found = await repository.arrived_events(connection, ids)
        return [ArrivedEvent(event_id=event_id, unsent=unsent) for event_id, unsent in found.items()]
