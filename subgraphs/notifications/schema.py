"""The schema of the notifications service: entities, and one root field that only workers may ask."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.notifications.reconciliation import Query
from subgraphs.notifications.types import Customer, Notification

schema = build_schema(query=Query, types=[Customer, Notification])
