"""`reservationStatus`: the present state first, then every change, until nothing changes any more."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import ClientFault
from subgraphs.ticketing.reservation_watch import TooManyWatchers
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types.reservations import Reservation


class NotFound(ClientFault):
    """A foreign and a missing reservation alike."""

    code = "NOT_FOUND"


class TooManySubscriptions(ClientFault):
    """This customer follows too much already, or the service does."""

    code = "TOO_MANY_SUBSCRIPTIONS"


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="Your reservation as it is now, QUEUED included, and after each change; ends when it is settled."
    )
    async def reservation_status(self, info: Info, id: strawberry.ID) -> AsyncGenerator[Reservation, None]:
        reservation_id, customer_id = global_id.decode("Reservation", id), info.context.customer_id
        if reservation_id is None or customer_id is None:
            raise NotFound("This reservation does not exist.")
        try:
            async with aclosing(resources_of(info.context).watch.follow(reservation_id, customer_id)) as states:
                async for state in states:
                    yield Reservation.of(state)
        except LookupError as exc:
            raise NotFound("This reservation does not exist.") from exc
        except TooManyWatchers as exc:
            raise TooManySubscriptions("Too many reservations are being followed. Ask for this one instead.") from exc
