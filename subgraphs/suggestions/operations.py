"""What the gateway asks for: suggestions, and to record what became of them."""

from datetime import UTC, datetime

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.guards import GATEWAY, customer_of, internal_only
from subgraphs.chassis.graphql.types import ErrorCode, user_error
from subgraphs.suggestions.internal_types import (
    RecordSuggestionFeedbackInput,
    RecordSuggestionFeedbackPayload,
    SuggestInput,
)
from subgraphs.suggestions.reading import read_question
from subgraphs.suggestions.resources import resources_of
from subgraphs.suggestions.types import Suggestion
from subgraphs.suggestions.use_cases.record_feedback import Refusal, record_feedback
from subgraphs.suggestions.use_cases.suggest import suggest


@strawberry.type
class Query:
    @strawberry.federation.field(inaccessible=True)
    async def suggest(self, info: Info, input: SuggestInput) -> list[Suggestion]:
        internal_only(info, GATEWAY)
        question = read_question(input, customer_of(info), datetime.now(UTC))
        resources = resources_of(info.context)
        shown = await suggest(
            question,
            recommender=resources.recommender,
            suggestions=resources.suggestions,
            signals=resources.signals,
        )
        return [Suggestion.of(one) for one in shown]


@strawberry.type
class Mutation:
    @strawberry.federation.field(inaccessible=True)
    async def record_suggestion_feedback(
        self, info: Info, input: RecordSuggestionFeedbackInput
    ) -> RecordSuggestionFeedbackPayload:
        internal_only(info, GATEWAY)
        customer_id = info.context.customer_id
        if customer_id is None:
            return _refused(info, ErrorCode.UNAUTHENTICATED)
        suggestion_id = global_id.decode("Suggestion", input.suggestion_id)
        if suggestion_id is None:
            return _refused(info, ErrorCode.NOT_FOUND, "suggestionId")
        resources = resources_of(info.context)
        answer = await record_feedback(
            customer_id,
            suggestion_id,
            input.outcome,
            suggestions=resources.suggestions,
            signals=resources.signals,
            now=datetime.now(UTC),
        )
        if answer is Refusal.NOT_FOUND:
            return _refused(info, ErrorCode.NOT_FOUND, "suggestionId")
        if answer is Refusal.ANSWERED_OTHERWISE:
            return _refused(info, ErrorCode.INVALID_STATE, "outcome")
        return RecordSuggestionFeedbackPayload(suggestion=Suggestion.of(answer), errors=[])


def _refused(info: Info, code: ErrorCode, field: str | None = None) -> RecordSuggestionFeedbackPayload:
    return RecordSuggestionFeedbackPayload(suggestion=None, errors=[user_error(info, code, field)])
