"""The recommender that comes with the service: counts and a formula, no model to train."""

from subgraphs.suggestions.domain.items import event_scope
from subgraphs.suggestions.domain.ranking import latest_events, merge_history, rank
from subgraphs.suggestions.domain.recommender import Question, Recommendation
from subgraphs.suggestions.domain.signals import SignalSource


class EmbeddedRecommender:
    def __init__(self, signals: SignalSource) -> None:
        self._signals = signals

    async def recommend(self, question: Question) -> list[Recommendation]:
        memory = merge_history(await self._signals.memory_of(question.customer_id), question.history)
        scopes = dict.fromkeys(question.occasion.scopes)
        scopes.update(dict.fromkeys(event_scope(event.id) for event in latest_events(memory, question.occasion)))
        popularity = await self._signals.popularity(list(scopes), question.candidates)
        return rank(question, memory, popularity)
