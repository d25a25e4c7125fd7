"""The service's federated schema; `schema.graphql` is its printed form."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.ticketing.operations.mutations import Mutation
from subgraphs.ticketing.operations.queries import Query
from subgraphs.ticketing.operations.subscription import Subscription
from subgraphs.ticketing.types.catalogue import Event, Organiser, Sector, Session, Unit, Venue
from subgraphs.ticketing.types.errors import AgeRestricted, SeatUnavailable, SoldOut, TicketLimitReached
from subgraphs.ticketing.types.gate import CheckInRefused
from subgraphs.ticketing.types.reservations import Customer, Reservation, Ticket

schema = build_schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[
        Event,
        Organiser,
        Venue,
        Session,
        Sector,
        Unit,
        Reservation,
        Ticket,
        Customer,
        AgeRestricted,
        CheckInRefused,
        SeatUnavailable,
        SoldOut,
        TicketLimitReached,
    ],
    costs={"qrCodeSvg": 25},
)
