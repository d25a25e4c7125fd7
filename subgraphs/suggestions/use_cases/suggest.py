"""Choose what to show a customer, and keep it so that feedback can refer to it."""

import asyncio
from uuid import uuid4

from subgraphs.chassis import metrics
from subgraphs.suggestions.domain.recommender import Question, Recommender
from subgraphs.suggestions.domain.suggestion import Suggestion
from subgraphs.suggestions.repositories.signals import Signals
from subgraphs.suggestions.repositories.suggestions import Suggestions


async def suggest(
    question: Question, *, recommender: Recommender, suggestions: Suggestions, signals: Signals
) -> list[Suggestion]:
    """Best first, every one of them stored. Raises `StoreUnavailable`."""
    metrics.count("SuggestionRequests")
    if not question.candidates:
        return []
    shown = [
        Suggestion(
            id=uuid4(),
            customer_id=question.customer_id,
            item=one.item,
            reason=one.reason,
            occasion=question.occasion,
            shown_at=question.now,
        )
        for one in await recommender.recommend(question)
    ]
    await asyncio.gather(
        suggestions.add(shown), signals.note_occasion(question.occasion, question.customer_id, question.now)
    )
    return shown
