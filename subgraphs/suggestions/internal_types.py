"""GraphQL types of the operations that only the gateway uses: none of them is in the public schema.

Ids are raw UUIDs here, but for `suggestionId`, which is the id that the customer was shown.
"""

from datetime import datetime

import strawberry

from subgraphs.chassis.graphql.types import UserError
from subgraphs.suggestions.domain.items import ItemType
from subgraphs.suggestions.domain.suggestion import Outcome
from subgraphs.suggestions.types import Suggestion

strawberry.federation.enum(ItemType, name="SuggestionItemType", inaccessible=True)


@strawberry.federation.input(inaccessible=True)
class SuggestionContextInput:
    reservation_id: strawberry.ID | None = None
    event_id: strawberry.ID | None = None
    event_kind: str | None = None
    venue_id: strawberry.ID | None = None


@strawberry.federation.input(inaccessible=True)
class SuggestionPurchaseInput:
    type: ItemType
    id: strawberry.ID
    quantity: int
    at: datetime


@strawberry.federation.input(inaccessible=True)
class SuggestionCandidateInput:
    type: ItemType
    id: strawberry.ID


@strawberry.federation.input(inaccessible=True)
class SuggestInput:
    candidates: list[SuggestionCandidateInput]
    first: int = 3
    context: SuggestionContextInput | None = None
    history: list[SuggestionPurchaseInput] = strawberry.field(default_factory=list)


@strawberry.federation.input(inaccessible=True)
class RecordSuggestionFeedbackInput:
    suggestion_id: strawberry.ID
    outcome: Outcome


@strawberry.federation.type(inaccessible=True)
class RecordSuggestionFeedbackPayload:
    suggestion: Suggestion | None
    errors: list[UserError]
