"""The public GraphQL types of the service."""

from datetime import UTC, datetime
from typing import Annotated, Final, Self
from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Key

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import Node
from subgraphs.suggestions.domain import suggestion as domain
from subgraphs.suggestions.domain.items import Item, ItemType
from subgraphs.suggestions.resources import resources_of

_ELSEWHERE: Final = Key(fields="id", resolvable=False)  # type: ignore[arg-type]

# These make the domain's enums known to GraphQL, under their public names.
strawberry.enum(domain.Reason, name="SuggestionReason")
strawberry.enum(domain.Status, name="SuggestionStatus")
strawberry.enum(domain.Outcome, name="SuggestionOutcome")


@strawberry.federation.type(keys=[_ELSEWHERE])
class Product(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Event(Node):
    pass


SuggestedItem = Annotated[Product | Event, strawberry.union("SuggestedItem")]


@strawberry.federation.type(keys=["id"], description="Something this customer may want as well.")
class Suggestion(Node):
    record: strawberry.Private[domain.Suggestion]

    @strawberry.federation.field(shareable=True)
    def reason(self) -> domain.Reason:
        return self.record.reason

    @strawberry.federation.field(shareable=True)
    def item(self) -> SuggestedItem | None:
        return _stub(self.record.item)

    @strawberry.field(description="What became of it; null for one of the defaults, of which nothing is recorded.")
    def status(self) -> domain.Status | None:
        return self.record.status

    @classmethod
    def of(cls, record: domain.Suggestion) -> Self:
        """Show a suggestion that was loaded with its customer in the key."""
        return cls(id=global_id.encode("Suggestion", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Suggestion | None":
        suggestion_id, customer_id = global_id.decode("Suggestion", id), info.context.customer_id
        if suggestion_id is None or customer_id is None:
            return None
        suggestions = resources_of(info.context).suggestions

        async def load(ids: list[UUID]) -> list[domain.Suggestion | None]:
            found = await suggestions.find_many(customer_id, ids, datetime.now(UTC))
            return [found.get(one) for one in ids]

        record = await info.context.loader("suggestions", load).load(suggestion_id)
        return cls.of(record) if record is not None else None


def _stub(item: Item) -> Product | Event:
    if item.type is ItemType.PRODUCT:
        return Product(id=global_id.encode("Product", item.id))
    return Event(id=global_id.encode("Event", item.id))
