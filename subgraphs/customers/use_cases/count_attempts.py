"""Count an attempt against everybody whom it may be laid to, before it is judged; and forgive it afterwards.

Rows are locked in the order of their hashes.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.throttle import Subject, retry_after
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.repositories import sessions

log = structlog.get_logger(__name__)


async def count_attempts(connection: AsyncConnection, subjects: Sequence[Subject], now: datetime) -> Refused | None:
    """The refusal when one of them has no attempt left."""
    pauses = []
    for subject in _in_order(subjects):
        attempts = await sessions.count_attempt(connection, subject.hash, now)
        pause = retry_after(subject, attempts, now)
        if pause is not None:
            log.warning("sign_in_throttled", attempts=attempts.count, limit=subject.limit)
            pauses.append(pause)
    return Refused(Reason.TOO_MANY_ATTEMPTS, retry_after=max(pauses)) if pauses else None


async def forgive_attempt(connection: AsyncConnection, subjects: Sequence[Subject]) -> None:
    """What was counted turned out to be no failure."""
    for subject in _in_order(subjects):
        if subject.shared:
            await sessions.take_attempt_back(connection, subject.hash)
        else:
            await sessions.forget_attempts(connection, subject.hash)


def _in_order(subjects: Sequence[Subject]) -> list[Subject]:
    return sorted(subjects, key=lambda subject: subject.hash)
