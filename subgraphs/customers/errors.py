"""Expected failures of this service, as values.

``Refused``  what was wrong with one field of an input, or with the request as a whole (``field`` None);
             ``retry_after`` only with TOO_MANY_ATTEMPTS: earlier attempts are refused unseen
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Reason(StrEnum):
    """A subset of the platform's error codes."""

    INVALID_INPUT = "INVALID_INPUT"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    CPF_TAKEN = "CPF_TAKEN"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    WEAK_PASSWORD = "WEAK_PASSWORD"  # noqa: S105 - an error code
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Reason
    field: str | None = None
    retry_after: timedelta | None = None
