"""When a gate lets people in, and why it does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

# Gates open three hours before a session and close twelve hours after its beginning.
OPENS_BEFORE: Final = timedelta(hours=3)
CLOSES_AFTER: Final = timedelta(hours=12)

MAX_GATE_LENGTH: Final = 40

# A code has 50 random bits: guessing one of 100,000 tickets of a session takes 10^10 tries.
MAX_WRONG_CODES: Final = 20
WRONG_CODES_WINDOW: Final = timedelta(minutes=15)


class CheckInRefusal(StrEnum):
    """FORGED: not what we signed. NOT_FOUND: no ticket has this code, or (any more) this secret.

    REFUNDED: given back, and the money with it; CANCELLED: without any. REVOKED: it is another's by now, or was taken.
    """

    FORGED = "FORGED"
    NOT_FOUND = "NOT_FOUND"
    TOO_MANY_WRONG_CODES = "TOO_MANY_WRONG_CODES"
    WRONG_SESSION = "WRONG_SESSION"
    SESSION_CANCELLED = "SESSION_CANCELLED"
    ALREADY_CHECKED_IN = "ALREADY_CHECKED_IN"
    REFUNDED = "REFUNDED"
    CANCELLED = "CANCELLED"
    REVOKED = "REVOKED"
    TOO_EARLY = "TOO_EARLY"
    SESSION_OVER = "SESSION_OVER"


def opens_at(starts_at: datetime) -> datetime:
    return starts_at - OPENS_BEFORE


def closes_at(starts_at: datetime) -> datetime:
    return starts_at + CLOSES_AFTER
