"""A suggestion, from being shown to what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from subgraphs.suggestions.domain.items import Item, Occasion

# Feedback that comes later than this says little; the record goes with it.
KEPT_FOR: Final = timedelta(days=30)


class Reason(StrEnum):
    """DEFAULT: nothing is known that speaks for it, so it is suggested in the order of the candidates."""

    POPULAR = "POPULAR"
    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"
    BECAUSE_YOU_BOUGHT = "BECAUSE_YOU_BOUGHT"
    DEFAULT = "DEFAULT"


class Status(StrEnum):
    """SHOWN → ACCEPTED, IGNORED, REJECTED, once."""

    SHOWN = "SHOWN"
    ACCEPTED = "ACCEPTED"
    IGNORED = "IGNORED"
    REJECTED = "REJECTED"


class Outcome(StrEnum):
    ACCEPTED = "ACCEPTED"
    IGNORED = "IGNORED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One item that was shown to one customer on one occasion."""

    id: UUID
    customer_id: UUID
    item: Item
    reason: Reason
    occasion: Occasion
    shown_at: datetime
    status: Status = Status.SHOWN

    @property
    def expires_at(self) -> datetime:
        return self.shown_at + KEPT_FOR
