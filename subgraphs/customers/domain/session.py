"""A signed-in device: a family of refresh tokens of which only the newest may be used, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

REFRESH_LIFE: Final = timedelta(days=30)
SESSION_LIFE: Final = timedelta(days=90)


class EndReason(StrEnum):
    SIGNED_OUT = "SIGNED_OUT"
    TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105 - a reason


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What is known of a refresh token that was presented, with its session."""

    session_id: UUID
    customer_id: UUID
    expires_at: datetime
    used_at: datetime | None
    session_expires_at: datetime
    session_ended_at: datetime | None


class Verdict(StrEnum):
    ROTATE = "ROTATE"
    REUSED = "REUSED"
    DEAD = "DEAD"


def judge(token: RefreshToken, now: datetime) -> Verdict:
    """A used token shown again was copied, by its owner or by a thief: the whole session ends (RFC 9700, 4.14)."""
    if token.session_ended_at is not None or now >= min(token.expires_at, token.session_expires_at):
        return Verdict.DEAD
    return Verdict.ROTATE if token.used_at is None else Verdict.REUSED
