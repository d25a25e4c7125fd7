"""The schema of the customers service."""

from typing import Final

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.graphql.types import TooManyAttempts
from subgraphs.customers.mutations import Mutation
from subgraphs.customers.queries import Query
from subgraphs.customers.types import Customer

# A password is hashed for each: four in a document at most.
COSTS: Final = {"signIn": 1_000, "signUp": 1_000}

schema = build_schema(query=Query, mutation=Mutation, types=[Customer, TooManyAttempts], costs=COSTS)
