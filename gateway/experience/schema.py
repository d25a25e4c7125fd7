"""The experience subgraph's schema."""

from collections.abc import Callable
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, ParserCache, SchemaExtension, ValidationCache
from strawberry.federation import Schema

from gateway.experience.reservation_entity import Customer, Reservation
from gateway.experience.resolvers.node import node, nodes
from gateway.experience.resolvers.pay_reservation import PayReservationPayload, pay_reservation
from gateway.experience.resolvers.request_reservation import RequestReservationPayload, request_reservation
from gateway.experience.resolvers.send_suggestion_feedback import (
    SendSuggestionFeedbackPayload,
    send_suggestion_feedback,
)
from gateway.experience.types import STUBS, Node, Suggestion
from gateway.experience.user_errors import ERROR_TYPES

log = structlog.get_logger(__name__)

_CACHED_DOCUMENTS = 500

PAYS = """Pays what is held, with concessions if wanted.

With `errors`, nothing was and nothing will be charged. Otherwise there is a `payment` to follow until it has an end,
also when it is PROCESSING or CREATED still because its company did not answer in time. What costs nothing is confirmed
without a payment: then `payment` is null, and the `reservation` is to be followed."""


@strawberry.type
class Query:
    node: Node | None = strawberry.field(resolver=node, description="Whatever has this id, if the caller may see it.")
    nodes: list[Node | None] = strawberry.field(resolver=nodes, description="At most 50, in the order of the ids.")


@strawberry.type
class Mutation:
    request_reservation: RequestReservationPayload = strawberry.field(
        resolver=request_reservation,
        description="Takes a place in the queue of a sector. Follow it with `reservationStatus`, or poll.",
    )
    pay_reservation: PayReservationPayload = strawberry.field(resolver=pay_reservation, description=PAYS)
    send_suggestion_feedback: SendSuggestionFeedbackPayload = strawberry.field(
        resolver=send_suggestion_feedback, description="What became of a suggestion; it makes the next ones better."
    )


def build_schema() -> Schema:
    extensions: list[Callable[[], SchemaExtension]] = [
        lambda: ParserCache(maxsize=_CACHED_DOCUMENTS),
        lambda: ValidationCache(maxsize=_CACHED_DOCUMENTS),
        lambda: MaskErrors(should_mask_error=_is_unexpected, error_message="Unexpected error."),
    ]
    types: list[Any] = [*STUBS.values(), Suggestion, Reservation, Customer, *ERROR_TYPES]
    return Schema(query=Query, mutation=Mutation, types=types, extensions=extensions, federation_version="2.9")


def _is_unexpected(error: GraphQLError) -> bool:
    """A resolver's own GraphQLError is meant for clients; anything else is a fault of ours, logged and masked."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        return False
    log.error("experience_resolver_failed", path=error.path, exc_info=original)
    return True
