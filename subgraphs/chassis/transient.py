"""Which faults pass by themselves: whoever asks again a moment later may well succeed."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from subgraphs.chassis.thread_lane import LaneFull

# https://www.postgresql.org/docs/16/errcodes-appendix.html
_LOCK_NOT_AVAILABLE: Final = "55P03"
_QUERY_CANCELED: Final = "57014"  # the statement took longer than its limit
_PASSING_CLASSES: Final = (
    "08",  # connection exceptions
    "40",  # transaction rollback: deadlock, serialization failure
    "53",  # insufficient resources, such as too many connections
    "57P",  # the server shuts down, crashed, or is still starting
    "25P",  # the server ended a transaction that was left idle
)


def may_pass(exc: BaseException | None) -> bool:
    """Lock and statement time limits, deadlocks, lost connections, a pool or a lane without a place; nothing else.

    A broken constraint or a wrong statement stays what it is however often it is tried.
    """
    if isinstance(exc, PoolTimeout | LaneFull | ConnectionError | TimeoutError):
        return True
    if not isinstance(exc, DBAPIError):
        return False
    state = getattr(exc.orig, "sqlstate", None) or ""
    return (
        exc.connection_invalidated
        or state in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED)
        or state.startswith(_PASSING_CLASSES)
    )
