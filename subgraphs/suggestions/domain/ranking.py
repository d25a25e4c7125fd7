"""Ranks candidates by popularity, blended with what the customer bought and what is being bought just now.

Every signal becomes a share between 0 and 1 before it is weighed: a count is set against the largest one of its scope
among candidates of the same type, both logarithmically, so that tickets (sold by the thousand) do not drown popcorn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log1p
from typing import Final

from subgraphs.suggestions.domain.items import EVERYWHERE, Item, ItemType, Occasion, Purchase, event_scope
from subgraphs.suggestions.domain.recommender import Question, Recommendation
from subgraphs.suggestions.domain.signals import Memory, Popularity
from subgraphs.suggestions.domain.suggestion import Reason

# The closer a count is to the occasion, the more it says.
EVERYWHERE_WEIGHT: Final = 1.0
SETTING_WEIGHT: Final = 1.5
TOGETHER_WEIGHT: Final = 2.0
HABIT_WEIGHT: Final = 2.5

HISTORY_EVENTS: Final = 3
HALF_LIFE_DAYS: Final = 180.0
HABIT_QUANTITY: Final = 5
# Somebody with a ticket seldom needs another one to the same event.
OWNED_EVENT_FACTOR: Final = 0.1
IGNORED_FACTOR: Final = 0.8
# Each pick makes the next one of its type a little less welcome: popcorn *and* a show, not three sorts of popcorn.
VARIETY_FACTOR: Final = 0.7


@dataclass(frozen=True, slots=True)
class _Scored:
    item: Item
    score: float
    reason: Reason


def merge_history(memory: Mapping[Item, Memory], history: Sequence[Purchase]) -> dict[Item, Memory]:
    """What both the service and the caller remember, without counting a purchase twice: the larger of the two."""
    told: dict[Item, tuple[int, datetime]] = {}
    for purchase in history:
        quantity, at = told.get(purchase.item, (0, purchase.at))
        told[purchase.item] = (quantity + purchase.quantity, max(at, purchase.at))
    merged = dict(memory)
    for item, (quantity, at) in told.items():
        known = merged.get(item, Memory())
        merged[item] = Memory(
            bought=max(known.bought, quantity),
            bought_at=max(known.bought_at, at) if known.bought_at is not None else at,
            ignored=known.ignored,
            rejected=known.rejected,
        )
    return merged


def latest_events(memory: Mapping[Item, Memory], occasion: Occasion, most: int = HISTORY_EVENTS) -> list[Item]:
    """The events bought last, newest first, without the one being bought now."""
    bought = [
        (known.bought_at, item)
        for item, known in memory.items()
        if item.type is ItemType.EVENT and known.bought and known.bought_at and item.id != occasion.event_id
    ]
    bought.sort(key=lambda one: (-one[0].timestamp(), str(one[1].id)))
    return [item for _, item in bought[:most]]


def rank(question: Question, memory: Mapping[Item, Memory], popularity: Popularity) -> list[Recommendation]:
    """The best candidates first, at most `question.first`; the same for the same arguments, always.

    What the customer rejected before, and the event that is being bought now, are left out. `memory` is what
    `merge_history` returns; `popularity` has the scopes of the occasion and of `latest_events`.
    """
    shares = _Shares(popularity, question.candidates)
    latest = latest_events(memory, question.occasion)
    scored = [
        _score(item, question, memory, shares, latest)
        for item in dict.fromkeys(question.candidates)
        if not memory.get(item, Memory()).rejected
        and not (item.type is ItemType.EVENT and item.id == question.occasion.event_id)
    ]
    return _pick(scored, question.first)


class _Shares:
    """Counts as shares of the largest count of their scope and type."""

    def __init__(self, popularity: Popularity, candidates: Sequence[Item]) -> None:
        self._popularity = popularity
        self._largest: dict[tuple[str, ItemType], int] = {}
        for scope, counts in popularity.items():
            for item in candidates:
                key = (scope, item.type)
                self._largest[key] = max(self._largest.get(key, 0), counts.get(item, 0))

    def of(self, scope: str, item: Item) -> float:
        count = self._popularity.get(scope, {}).get(item, 0)
        return log1p(count) / log1p(self._largest[scope, item.type]) if count > 0 else 0.0


def _score(
    item: Item, question: Question, memory: Mapping[Item, Memory], shares: _Shares, latest: Sequence[Item]
) -> _Scored:
    occasion, now = question.occasion, question.now
    here = event_scope(occasion.event_id) if occasion.event_id is not None else None
    popular = EVERYWHERE_WEIGHT * shares.of(EVERYWHERE, item) + SETTING_WEIGHT * sum(
        shares.of(scope, item) for scope in occasion.scopes if scope not in (EVERYWHERE, here)
    )
    together = TOGETHER_WEIGHT * shares.of(here, item) if here is not None else 0.0
    own = memory.get(item, Memory())
    habit = 0.0
    if item.type is ItemType.PRODUCT and own.bought:
        habit = HABIT_WEIGHT * min(1.0, log1p(own.bought) / log1p(HABIT_QUANTITY)) * _freshness(own, now)
    because = TOGETHER_WEIGHT * max(
        (shares.of(event_scope(event.id), item) * _freshness(memory[event], now) for event in latest),
        default=0.0,
    )
    parts = (
        (Reason.BECAUSE_YOU_BOUGHT, habit + because),
        (Reason.BOUGHT_TOGETHER, together),
        (Reason.POPULAR, popular),
    )
    reason, largest = max(parts, key=lambda part: part[1])  # the first of equals
    score = sum(part for _, part in parts) * IGNORED_FACTOR ** min(own.ignored, 10)
    if item.type is ItemType.EVENT and own.bought:
        score *= OWNED_EVENT_FACTOR
    return _Scored(item, score, reason if largest > 0 else Reason.DEFAULT)


def _freshness(known: Memory, now: datetime) -> float:
    if known.bought_at is None:
        return 1.0
    days = max(0.0, (now - known.bought_at).total_seconds() / 86_400)
    return float(0.5 ** (days / HALF_LIFE_DAYS))


def _pick(scored: list[_Scored], first: int) -> list[Recommendation]:
    """Greedy: the best score after variety; among equals the type picked less often, then the candidates' order."""
    left = list(scored)
    picked: list[_Scored] = []
    while left and len(picked) < first:
        of_type = {type_: sum(one.item.type is type_ for one in picked) for type_ in ItemType}
        best = min(
            range(len(left)),
            key=lambda index: (
                -left[index].score * VARIETY_FACTOR ** of_type[left[index].item.type],
                of_type[left[index].item.type],
                index,
            ),
        )
        picked.append(left.pop(best))
    return [Recommendation(one.item, one.reason) for one in picked]
