"""`node` and `nodes`: an entity by its id, once its owner has said that it exists for this caller."""

import asyncio
from typing import Any, Final

import strawberry
from graphql import GraphQLError

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import split
from gateway.experience.reservation_entity import Customer, Reservation
from gateway.experience.resolvers.read_suggestion import read_suggestion
from gateway.experience.types import STUBS, Node

MAX_NODES: Final = 50
_TYPES: Final[dict[str, type[Node]]] = {**STUBS, "Reservation": Reservation, "Customer": Customer}


async def node(info: strawberry.Info[Context, None], id: strawberry.ID) -> Node | None:
    """None for an id that is nobody's, and alike for one that is not this caller's."""
    return await _find(info.context, id)


async def nodes(info: strawberry.Info[Context, None], ids: list[strawberry.ID]) -> list[Node | None]:
    """In the order of `ids`, which are at most 50. An owner that cannot be asked costs its own places only."""
    if len(ids) > MAX_NODES:
        raise GraphQLError(f"At most {MAX_NODES} ids.", extensions={"code": "BAD_USER_INPUT"})
    once = list(dict.fromkeys(ids))
    found: list[Any] = await asyncio.gather(*(_find(info.context, one) for one in once), return_exceptions=True)
    known = dict(zip(once, found, strict=True))
    return [known[one] for one in ids]  # graphql-core makes an error of a place that holds an exception


async def _find(context: Context, global_id: strawberry.ID) -> Node | None:
    found = split(global_id)
    if found is None or (found[0] not in _TYPES and found[0] != "Suggestion"):
        return None
    try:
        known: dict[str, Any] | None = await context.loaders.entities.load(str(global_id))
    except SourceUnavailable as exc:
        error = {"code": "SERVICE_UNAVAILABLE", "service": exc.source}
        raise GraphQLError("The owner of this id cannot be asked now.", extensions=error) from exc
    except SourceRefused:
        return None
    if known is None:
        return None
    if found[0] == "Suggestion":
        return read_suggestion({"id": global_id, **known})
    return _TYPES[found[0]](id=global_id)
