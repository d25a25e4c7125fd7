"""The schema of the notifications service: entities only, no root field of its own."""

from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.notifications.types import Customer, Notification

schema = build_schema(types=[Customer, Notification])
