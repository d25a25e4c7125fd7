"""The life of a ticket."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class TicketStatus(StrEnum):
    ISSUED = "ISSUED"
    CHECKED_IN = "CHECKED_IN"
    TRANSFERRED = "TRANSFERRED"
    CANCELLED = "CANCELLED"
    REVOKED = "REVOKED"


_T = TicketStatus

TRANSITIONS: Final = MappingProxyType(
    {
        _T.ISSUED: frozenset({_T.CHECKED_IN, _T.TRANSFERRED, _T.CANCELLED, _T.REVOKED}),
        _T.CHECKED_IN: frozenset(),
        _T.TRANSFERRED: frozenset(),
        _T.CANCELLED: frozenset(),
        _T.REVOKED: frozenset(),
    }
)

LIVE: Final = frozenset({_T.ISSUED, _T.CHECKED_IN})
"""States in which a ticket occupies its unit; at most one per unit, which the database holds as well."""
