"""Builds a service's Federation v2 schema with the limits that every subgraph has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import strawberry
from strawberry.federation.schema import FederationAny, Schema
from strawberry.schema.config import StrawberryConfig

from subgraphs.chassis.graphql.bad_values import TellBadValues
from subgraphs.chassis.graphql.documents import CheckDocument, DocumentCache
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.limits import NO_COSTS
from subgraphs.chassis.graphql.masking import MaskUnexpected
from subgraphs.chassis.graphql.scalars import SCALARS
from subgraphs.chassis.graphql.types import IdempotencyKeyReused, InputError

MAX_REPRESENTATIONS: Final = 1_000


class SubgraphSchema(Schema):
    """strawberry's schema whose ``_entities`` answers a malformed representation with a readable error."""

    def entities_resolver(self, info: strawberry.Info, representations: list[FederationAny]) -> list[FederationAny]:
        if len(representations) > MAX_REPRESENTATIONS:
            raise BadInput(f"More than {MAX_REPRESENTATIONS} representations.", ("representations",))
        known = []
        for representation in representations:
            if not isinstance(representation, dict) or not self._is_entity(representation.get("__typename")):
                raise BadInput("A representation of an unknown entity.", ("representations",))
            # strawberry takes __typename out of what it is given, and variables are shared between fields.
            known.append(dict(representation))
        return super().entities_resolver(info, known)  # type: ignore[arg-type]

    def _is_entity(self, typename: object) -> bool:
        concrete = self.schema_converter.type_map.get(typename) if isinstance(typename, str) else None
        return concrete is not None and hasattr(getattr(concrete.definition, "origin", None), "resolve_reference")


def build_schema(
    query: type | None = None,
    mutation: type | None = None,
    subscription: type | None = None,
    types: Iterable[Any] = (),
    costs: Mapping[str, int] = NO_COSTS,
) -> SubgraphSchema:
    """A Federation 2.9 schema (what the composition tool accepts). With a mutation, the shared errors are added.

    Every entity has ``async def resolve_reference(cls, info, id, …)``; representations come with camelCase names.
    An internal field is ``strawberry.federation.field(inaccessible=True)``; mark the types only it uses as well.
    ``costs`` are those of fields that take milliseconds of computing, by name: see ``limits``.
    """
    errors = (InputError, IdempotencyKeyReused) if mutation is not None else ()
    cache = DocumentCache()
    return SubgraphSchema(
        query=query,
        mutation=mutation,
        subscription=subscription,
        types=(*types, *errors),
        federation_version="2.9",
        config=StrawberryConfig(auto_camel_case=True, scalar_map=SCALARS),
        extensions=[lambda: CheckDocument(cache, costs), TellBadValues, MaskUnexpected],
    )
