"""The service's federated schema; `schema.graphql` is its printed form."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.concessions.mutations import Mutation
from subgraphs.concessions.queries import Query
from subgraphs.concessions.types import (
    ConcessionOrder,
    Event,
    OutOfStock,
    Product,
    ProductAgeRestricted,
    Reservation,
    Venue,
)

schema = build_schema(
    query=Query,
    mutation=Mutation,
    types=[Product, ConcessionOrder, Event, Venue, Reservation, OutOfStock, ProductAgeRestricted],
)
