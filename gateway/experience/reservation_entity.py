"""`Reservation` and `Customer` as this subgraph extends them."""

from enum import Enum

import strawberry

from gateway.experience.context import Context
from gateway.experience.ids import decode
from gateway.experience.queue_position import PlaceInLine, position_of
from gateway.experience.resolvers.reservation_payment import latest_payment
from gateway.experience.resolvers.suggestions import DEFAULT_FIRST, suggest_for_customer, suggest_for_reservation
from gateway.experience.types import Node, Payment, Suggestion


@strawberry.enum
class ReservationStatus(Enum):
    QUEUED = "QUEUED"
    HELD = "HELD"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    CONFIRMED = "CONFIRMED"
    PARTIALLY_CANCELLED = "PARTIALLY_CANCELLED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REJECTED_SOLD_OUT = "REJECTED_SOLD_OUT"
    REJECTED_INVALID = "REJECTED_INVALID"


@strawberry.federation.type(keys=["id"])
class Reservation(Node):
    """The external fields are answered here only for a reservation that was just requested."""

    status: ReservationStatus = strawberry.federation.field(external=True, default=ReservationStatus.QUEUED)
    place: strawberry.Private[PlaceInLine | int | None] = None
    poll_after_ms: int | None = strawberry.federation.field(external=True, default=None)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> "Reservation":
        return cls(id=id)

    @strawberry.federation.field(external=True)
    async def queue_position(self, info: strawberry.Info[Context, None]) -> int | None:
        """Asked of ticketing only when it is selected; `place` is the position itself when that is known already."""
        return await position_of(info.context, self.place) if isinstance(self.place, PlaceInLine) else self.place

    @strawberry.field(description="What goes well with it. What could not be asked is told in extensions.degraded.")
    async def suggestions(self, info: strawberry.Info[Context, None], first: int = DEFAULT_FIRST) -> list[Suggestion]:
        return await suggest_for_reservation(info.context, info.path.as_list(), str(self.id), first)

    @strawberry.field(description="The payment that settles it, or the last that was tried.")
    async def payment(self, info: strawberry.Info[Context, None]) -> Payment | None:
        reservation_id = decode("Reservation", str(self.id))
        if reservation_id is None or info.context.customer_id is None:
            return None
        return await latest_payment(info.context, reservation_id)


@strawberry.federation.type(keys=["id"])
class Customer(Node):
    @classmethod
    def resolve_reference(cls, info: strawberry.Info[Context, None], id: strawberry.ID) -> "Customer | None":
        own = info.context.customer_id
        return cls(id=id) if own is not None and decode("Customer", str(id)) == own else None

    @strawberry.field(
        description="What this customer may want. What could not be asked is told in extensions.degraded."
    )
    async def suggestions(self, info: strawberry.Info[Context, None], first: int = DEFAULT_FIRST) -> list[Suggestion]:
        return await suggest_for_customer(info.context, info.path.as_list(), first)
