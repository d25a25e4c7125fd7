"""Reads the gateway's question, within its bounds."""

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.suggestions.domain.items import Item, Occasion, Purchase
from subgraphs.suggestions.domain.recommender import Question
from subgraphs.suggestions.internal_types import SuggestInput, SuggestionContextInput, SuggestionPurchaseInput

MOST_SUGGESTIONS: Final = 20
MOST_CANDIDATES: Final = 100
MOST_PURCHASES: Final = 100
MAX_QUANTITY: Final = 1_000

_KIND = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def read_question(input: SuggestInput, customer_id: UUID, now: datetime) -> Question:
    """Raises `BadInput` when something is out of its bounds or not a UUID."""
    if not 1 <= input.first <= MOST_SUGGESTIONS:
        raise BadInput(f"first must be from 1 to {MOST_SUGGESTIONS}.")
    if len(input.candidates) > MOST_CANDIDATES:
        raise BadInput(f"More than {MOST_CANDIDATES} candidates.")
    if len(input.history) > MOST_PURCHASES:
        raise BadInput(f"More than {MOST_PURCHASES} purchases.")
    return Question(
        customer_id=customer_id,
        first=input.first,
        occasion=_occasion(input.context or SuggestionContextInput()),
        history=tuple(_purchase(purchase) for purchase in input.history),
        candidates=tuple(Item(candidate.type, _uuid(candidate.id)) for candidate in input.candidates),
        now=now,
    )


def _occasion(context: SuggestionContextInput) -> Occasion:
    if context.event_kind is not None and not _KIND.fullmatch(context.event_kind):
        raise BadInput("eventKind is not the name of a kind.")
    return Occasion(
        reservation_id=_optional(context.reservation_id),
        event_id=_optional(context.event_id),
        event_kind=context.event_kind,
        venue_id=_optional(context.venue_id),
    )


def _purchase(purchase: SuggestionPurchaseInput) -> Purchase:
    if not 1 <= purchase.quantity <= MAX_QUANTITY:
        raise BadInput(f"A purchase's quantity must be from 1 to {MAX_QUANTITY}.")
    at = purchase.at if purchase.at.tzinfo is not None else purchase.at.replace(tzinfo=UTC)
    return Purchase(Item(purchase.type, _uuid(purchase.id)), purchase.quantity, at)


def _optional(text: str | None) -> UUID | None:
    return _uuid(text) if text is not None else None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise BadInput("An id is not a UUID.") from exc
