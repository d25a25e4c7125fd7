"""The life of a reservation, and the only steps it may take."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ReservationStatus(StrEnum):
    QUEUED = "QUEUED"
    HELD = "HELD"
    REJECTED_SOLD_OUT = "REJECTED_SOLD_OUT"
    REJECTED_INVALID = "REJECTED_INVALID"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    CONFIRMED = "CONFIRMED"
    PARTIALLY_CANCELLED = "PARTIALLY_CANCELLED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


_S = ReservationStatus

TRANSITIONS: Final = MappingProxyType(
    {
        _S.QUEUED: frozenset({_S.HELD, _S.REJECTED_SOLD_OUT, _S.REJECTED_INVALID}),
        _S.HELD: frozenset({_S.AWAITING_PAYMENT, _S.EXPIRED, _S.CANCELLED}),
        _S.AWAITING_PAYMENT: frozenset({_S.CONFIRMED, _S.EXPIRED, _S.CANCELLED}),
        # The late payment: only when the same units could be taken again.
        _S.EXPIRED: frozenset({_S.CONFIRMED}),
        _S.CONFIRMED: frozenset({_S.PARTIALLY_CANCELLED, _S.CANCELLED}),
        _S.PARTIALLY_CANCELLED: frozenset(),
        _S.REJECTED_SOLD_OUT: frozenset(),
        _S.REJECTED_INVALID: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)

HOLDING: Final = frozenset({_S.HELD, _S.AWAITING_PAYMENT})
"""States in which units are held until a moment."""

SOLD: Final = frozenset({_S.CONFIRMED, _S.PARTIALLY_CANCELLED})
"""States in which tickets exist."""

SETTLED: Final = frozenset(
    {
        _S.REJECTED_SOLD_OUT,
        _S.REJECTED_INVALID,
        _S.CONFIRMED,
        _S.PARTIALLY_CANCELLED,
        _S.EXPIRED,
        _S.CANCELLED,
    }
)
"""States after which a buyer who waits has nothing more to wait for."""


class IllegalTransition(Exception):
    """A fault of ours: a use case tried a step that the table does not have."""


def move(present: ReservationStatus, following: ReservationStatus) -> ReservationStatus:
    """``following``, when that step exists. Raises ``IllegalTransition``."""
    if following not in TRANSITIONS[present]:
        raise IllegalTransition(f"{present} → {following}")
    return following
