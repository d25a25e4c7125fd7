"""Refusals that carry facts, and how a rejected request is told."""

import dataclasses
from typing import Any
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import ErrorCode, UserError, error_message, user_error
from subgraphs.ticketing.types.entry_texts import too_young_to_buy


@strawberry.federation.type(shareable=True, description="Somebody else has these seats; nothing was held.")
class SeatUnavailable(UserError):
    seat_ids: list[strawberry.ID] = dataclasses.field(default_factory=list)


@strawberry.federation.type(shareable=True, description="Fewer units were left than were asked for; nothing was held.")
class SoldOut(UserError):
    available: int = 0


@strawberry.federation.type(shareable=True, description="More tickets than one customer may have for this event.")
class TicketLimitReached(UserError):
    limit: int = 0


@strawberry.federation.type(
    shareable=True,
    description="The buyer is younger than `minimumAge` on the session's day. `message` says who gets in below it.",
)
class AgeRestricted(UserError):
    minimum_age: int = 0


def rejection_error(info: Info, rejection: dict[str, Any]) -> UserError:
    """A stored rejection (``Rejection.stored``) in the request's language."""
    code = ErrorCode(rejection["code"])
    field = rejection.get("field")
    message = error_message(code, info.context.locale)
    if code is ErrorCode.SEAT_UNAVAILABLE:
        seats = [global_id.encode("Unit", UUID(seat)) for seat in rejection.get("seat_ids", [])]
        return SeatUnavailable(message=message, code=code, field=field, seat_ids=seats)
    if code is ErrorCode.SOLD_OUT:
        return SoldOut(message=message, code=code, field=field, available=rejection.get("available", 0))
    if code is ErrorCode.TICKET_LIMIT_REACHED:
        return TicketLimitReached(message=message, code=code, field=field, limit=rejection.get("limit", 0))
    if code is ErrorCode.AGE_RESTRICTED and "minimum_age" in rejection:
        age = rejection["minimum_age"]
        said = too_young_to_buy(age, rejection.get("accompanied_from"), info.context.locale)
        return AgeRestricted(message=said, code=code, field=field, minimum_age=age)
    return user_error(info, code, field)
