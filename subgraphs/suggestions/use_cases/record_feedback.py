"""Record what became of a suggestion, once."""

from dataclasses import replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from subgraphs.suggestions.domain.counting import answered
from subgraphs.suggestions.domain.suggestion import Outcome, Status, Suggestion
from subgraphs.suggestions.repositories.signals import Signals
from subgraphs.suggestions.repositories.suggestions import Suggestions


class Refusal(Enum):
    NOT_FOUND = "NOT_FOUND"
    ANSWERED_OTHERWISE = "ANSWERED_OTHERWISE"


async def record_feedback(
    customer_id: UUID,
    suggestion_id: UUID,
    outcome: Outcome,
    *,
    suggestions: Suggestions,
    signals: Signals,
    now: datetime,
) -> Suggestion | Refusal:
    """The suggestion with its outcome. The same outcome again changes nothing and is answered alike.

    Status and signals are written in one transaction. Raises `StoreUnavailable`.
    """
    status = Status(outcome.value)
    found = await suggestions.find(customer_id, suggestion_id, now)
    if found is not None and found.status is Status.SHOWN:
        counted = signals.actions(answered(found, outcome, now), now)
        if await suggestions.answer(found, outcome, now, counted):
            return replace(found, status=status)
        # Somebody was faster: what they said is what counts.
        found = await suggestions.find(customer_id, suggestion_id, now)
    if found is None:
        return Refusal.NOT_FOUND
    return found if found.status is status else Refusal.ANSWERED_OTHERWISE
