"""The schema of the customers service."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.graphql.types import TooManyAttempts
from subgraphs.customers.mutations import Mutation
from subgraphs.customers.queries import Query
from subgraphs.customers.types import Customer

schema = build_schema(query=Query, mutation=Mutation, types=[Customer, TooManyAttempts])
