"""`sendSuggestionFeedback`: tells the suggestions service what became of a suggestion."""

from enum import Enum
from typing import Final

import strawberry

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import decode
from gateway.experience.resolvers.read_suggestion import read_suggestion
from gateway.experience.types import Suggestion
from gateway.experience.user_errors import ErrorCode, UserError, passed_on, refusal

_RECORD: Final = """mutation Feedback($input: RecordSuggestionFeedbackInput!) {
  recordSuggestionFeedback(input: $input) {
    suggestion { id reason item { __typename ... on Product { id } ... on Event { id } } }
    errors { code message field } } }"""


@strawberry.enum
class SuggestionOutcome(Enum):
    ACCEPTED = "ACCEPTED"
    IGNORED = "IGNORED"
    REJECTED = "REJECTED"


@strawberry.input
class SendSuggestionFeedbackInput:
    suggestion_id: strawberry.ID
    outcome: SuggestionOutcome


@strawberry.type
class SendSuggestionFeedbackPayload:
    suggestion: Suggestion | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


async def send_suggestion_feedback(
    info: strawberry.Info[Context, None], input: SendSuggestionFeedbackInput
) -> SendSuggestionFeedbackPayload:
    """A default suggestion is nobody's in particular, so feedback on one is NOT_FOUND."""
    context = info.context
    if context.customer_id is None:
        return SendSuggestionFeedbackPayload(errors=[refusal(context, ErrorCode.UNAUTHENTICATED)])
    if decode("Suggestion", input.suggestion_id) is None:
        return SendSuggestionFeedbackPayload(errors=[refusal(context, ErrorCode.NOT_FOUND, "suggestionId")])
    feedback = {"suggestionId": input.suggestion_id, "outcome": input.outcome.value}
    try:
        answer = await context.adapters.services.suggestions.ask(context, _RECORD, {"input": feedback})
    except (SourceUnavailable, SourceRefused):
        return SendSuggestionFeedbackPayload(errors=[refusal(context, ErrorCode.SERVICE_UNAVAILABLE)])
    recorded = answer["recordSuggestionFeedback"]
    fields = {"suggestionId": "suggestionId", "outcome": "outcome"}
    return SendSuggestionFeedbackPayload(
        suggestion=read_suggestion(recorded["suggestion"]) if recorded["suggestion"] is not None else None,
        errors=[passed_on(context, error, fields) for error in recorded["errors"]],
    )
