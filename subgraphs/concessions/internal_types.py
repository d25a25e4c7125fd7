"""GraphQL types of the operations that only the gateway and the workers use: none of them is in the public schema.

Ids are raw UUIDs here.
"""

from datetime import date, datetime

import strawberry

from subgraphs.chassis.graphql.types import Currency, UserError
from subgraphs.concessions.enums import Confirmation, OrderStatus


@strawberry.federation.input(inaccessible=True)
class PlaceConcessionItemInput:
    product_id: strawberry.ID
    quantity: int


@strawberry.federation.input(inaccessible=True)
class PlaceConcessionOrderInput:
    reservation_id: strawberry.ID
    venue_id: strawberry.ID
    items: list[PlaceConcessionItemInput]
    idempotency_key: str
    birth_date: date | None = None
    session_day: date | None = strawberry.field(
        default=None, description="The session's date at the venue: ages count on it. Null: on today's, in Brasília."
    )
    held_until: datetime | None = strawberry.field(
        default=None, description="The end of the reservation's hold: the order ends by itself soon after it."
    )


@strawberry.federation.input(inaccessible=True)
class ConfirmConcessionOrderInput:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID
    payment_id: strawberry.ID | None = strawberry.field(default=None, description="Null: nothing had to be paid.")
    paid_minor: int | None = None


@strawberry.federation.input(inaccessible=True)
class ExpireConcessionOrderInput:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID


@strawberry.federation.input(inaccessible=True)
class CancelConcessionOrderInput:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID


@strawberry.federation.type(inaccessible=True)
class PlacedConcessionOrder:
    id: strawberry.ID
    total_minor: int
    currency: Currency
    status: OrderStatus


@strawberry.federation.type(inaccessible=True)
class PlaceConcessionOrderPayload:
    order: PlacedConcessionOrder | None
    errors: list[UserError]


@strawberry.federation.type(inaccessible=True)
class ConfirmedConcessionItem:
    name: str
    quantity: int


@strawberry.federation.type(inaccessible=True)
class ConfirmConcessionOrderPayload:
    status: Confirmation
    pickup_code: str | None
    total_minor: int
    items: list[ConfirmedConcessionItem]


@strawberry.federation.type(inaccessible=True, description="`status` is NONE when the reservation has no order.")
class EndConcessionOrderPayload:
    status: str
    total_minor: int
