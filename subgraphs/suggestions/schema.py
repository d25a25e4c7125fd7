"""The service's federated schema; `schema.graphql` is its printed form."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.suggestions.operations import Mutation, Query
from subgraphs.suggestions.types import Event, Product, Suggestion

schema = build_schema(query=Query, mutation=Mutation, types=[Suggestion, Product, Event])
