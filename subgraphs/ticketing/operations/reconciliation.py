"""What the reconciliation asks of ticketing. Ids are raw UUIDs."""

from datetime import datetime, timedelta
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import internal_only
from subgraphs.chassis.graphql.pagination import MAX_PAGE, decode_cursor, encode_cursor, page_size
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.repositories import settlements
from subgraphs.ticketing.repositories.settlements import ReservationFacts as Facts


@strawberry.federation.type(inaccessible=True)
class ReservationFacts:
    """`ageSeconds`: for how long it could have been finished; negative while its hold lasts."""

    reservation_id: strawberry.ID
    customer_id: strawberry.ID
    status: ReservationStatus
    age_seconds: int
    quantity: int
    total_minor: int
    payment_id: strawberry.ID | None
    tickets: int = strawberry.field(description="Those that open a gate.")
    cursor: str

    @classmethod
    def of(cls, facts: Facts) -> "ReservationFacts":
        return cls(
            reservation_id=strawberry.ID(str(facts.id)),
            customer_id=strawberry.ID(str(facts.customer_id)),
            status=facts.status,
            age_seconds=int(facts.age.total_seconds()),
            quantity=facts.quantity,
            total_minor=facts.total_minor,
            payment_id=strawberry.ID(str(facts.payment_id)) if facts.payment_id else None,
            tickets=facts.tickets,
            cursor=encode_cursor(facts.settled_from, facts.id),
        )


@strawberry.federation.input(inaccessible=True)
class SettledReservationInput:
    reservation_id: strawberry.ID
    status: ReservationStatus


@strawberry.type
class ReconciliationQuery:
    @strawberry.federation.field(
        inaccessible=True, description="What nobody has found in order yet and could be finished, the oldest first."
    )
    async def unsettled_reservations(
        self, info: Info, first: int = 100, grace_seconds: int = 30, after: str | None = None
    ) -> list[ReservationFacts]:
        internal_only(info)
        size = page_size(first)
        if not 0 <= grace_seconds <= 86_400:
            raise BadInput("'graceSeconds' must be between 0 and 86400.")
        seen = decode_cursor(after, datetime, UUID)
        async with info.context.database.connect() as connection:
            found = await settlements.unsettled(
                connection,
                grace=timedelta(seconds=grace_seconds),
                limit=size,
                after=(seen[0], seen[1]) if seen is not None else None,
            )
        return [ReservationFacts.of(facts) for facts in found]

    @strawberry.federation.field(inaccessible=True, description="At most 100; unknown ones are left out.")
    async def reservation_facts(self, info: Info, ids: list[strawberry.ID]) -> list[ReservationFacts]:
        internal_only(info)
        async with info.context.database.connect() as connection:
            found = await settlements.facts_of(connection, _raw_ids(ids))
        return [ReservationFacts.of(facts) for facts in found]


@strawberry.type
class ReconciliationMutation:
    @strawberry.federation.field(
        inaccessible=True, description="These are in order as long as they keep this status; how many were noted."
    )
    async def settle_reservations(self, info: Info, settled: list[SettledReservationInput]) -> int:
        internal_only(info)
        ids = _raw_ids([one.reservation_id for one in settled])
        async with info.context.database.transaction() as connection:
            return await settlements.settle(connection, list(zip(ids, (one.status for one in settled), strict=True)))


def _raw_ids(ids: list[strawberry.ID]) -> list[UUID]:
    if len(ids) > MAX_PAGE:
        raise BadInput(f"More than {MAX_PAGE} ids.")
    try:
        return [UUID(one) for one in ids]
    except ValueError as error:
        raise BadInput("An id of an internal operation is not a UUID.") from error
