"""GraphQL types of the operations that only the gateway and the workers use: none of them is in the public schema.

Ids are raw UUIDs here.
"""

from datetime import date, datetime
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.types import Currency, UserError
from subgraphs.ticketing.types.catalogue import Event
from subgraphs.ticketing.types.enums import ConfirmStatus, ExpireOutcome, ReservationStatus


def raw_id(value: str) -> UUID:
    """Raises BadInput for anything but a UUID."""
    try:
        return UUID(value)
    except ValueError as error:
        raise BadInput("An id of an internal operation is not a UUID.") from error


@strawberry.federation.input(inaccessible=True, description="No birth date: customers knows no such customer.")
class AllocationBuyer:
    birth_date: date | None = None


@strawberry.federation.input(inaccessible=True, description="`buyer` only where the birth date has been asked for.")
class AllocationRequest:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID
    session_id: strawberry.ID
    sector_id: strawberry.ID
    quantity: int
    idempotency_key: str
    requested_at: datetime
    sequence: str = strawberry.field(description="The queue's number of the request: up to 39 digits.")
    seat_ids: list[strawberry.ID] | None = None
    buyer: AllocationBuyer | None = None


@strawberry.federation.input(
    inaccessible=True, description="Of a request that cannot be served, what is known for certain."
)
class FailedRequest:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID
    session_id: strawberry.ID
    sector_id: strawberry.ID
    quantity: int
    idempotency_key: str


@strawberry.federation.type(inaccessible=True, description="How far a sector's line has been served.")
class ServedLine:
    session_id: strawberry.ID
    sector_id: strawberry.ID
    sequence: str


@strawberry.federation.type(
    inaccessible=True,
    description="`heldUntil` only while it holds units. QUEUED: not decided, it needs its buyer's birth date.",
)
class AllocationOutcome:
    reservation_id: strawberry.ID
    status: ReservationStatus
    held_until: datetime | None


@strawberry.federation.input(inaccessible=True)
class ConfirmReservationInput:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID
    amount_minor: int = strawberry.field(description="The whole payment: tickets, and concessions if there are any.")
    currency: Currency
    payment_id: strawberry.ID | None = strawberry.field(default=None, description="Null: it costs nothing.")


@strawberry.federation.type(inaccessible=True)
class ConfirmedTicket:
    id: strawberry.ID
    code: str
    qr_payload: str


@strawberry.federation.type(inaccessible=True, description="`units` are labels; `totalMinor` is the tickets' part.")
class ConfirmedOrder:
    event_id: strawberry.ID
    event_name: str
    session_id: strawberry.ID
    venue_name: str
    starts_at: datetime
    time_zone: str
    units: list[str]
    tickets: list[ConfirmedTicket]
    total_minor: int
    currency: Currency


@strawberry.federation.type(inaccessible=True, description="`order` only when CONFIRMED.")
class ConfirmOutcome:
    status: ConfirmStatus
    order: ConfirmedOrder | None


@strawberry.federation.input(inaccessible=True)
class ExpireReservationInput:
    reservation_id: strawberry.ID
    customer_id: strawberry.ID


@strawberry.federation.type(name="ExpireOutcome", inaccessible=True)
class ExpireReservationOutcome:
    status: ExpireOutcome


@strawberry.federation.input(inaccessible=True)
class BeginCheckoutInput:
    reservation_id: strawberry.ID


@strawberry.federation.type(inaccessible=True, description="What has to be paid, until when, and what it is for.")
class Checkout:
    reservation_id: strawberry.ID
    total_minor: int
    currency: Currency
    held_until: datetime
    venue_id: strawberry.ID
    session_id: strawberry.ID
    event_id: strawberry.ID
    event_name: str
    session_day: date = strawberry.field(description="The session's date at the venue: rules about age count on it.")


@strawberry.federation.type(inaccessible=True)
class BeginCheckoutPayload:
    checkout: Checkout | None
    errors: list[UserError]


@strawberry.federation.input(inaccessible=True)
class SettleFreeReservationInput:
    reservation_id: strawberry.ID


@strawberry.federation.type(inaccessible=True)
class SettleFreeReservationPayload:
    errors: list[UserError]


@strawberry.federation.type(inaccessible=True)
class Purchase:
    event: Event
    quantity: int
    purchased_at: datetime
