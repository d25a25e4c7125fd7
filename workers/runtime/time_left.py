"""How much of the present invocation is left: calls are given what there is, instead of being cut off in the middle.

A function that is stopped by its time limit reports nothing, and its batch stays invisible for the queue's whole
visibility timeout. A call that gives up a moment earlier is a TransientFault, which comes back in seconds.
"""

import contextlib
import contextvars
import time
from collections.abc import Iterator
from typing import Protocol

# For the log line, the partial batch response and its way out.
_RESERVED_SECONDS = 0.3
_end: contextvars.ContextVar[float | None] = contextvars.ContextVar("end_of_invocation", default=None)


class Invocation(Protocol):
    """The part of Lambda's context that is read here."""

    def get_remaining_time_in_millis(self) -> int: ...


@contextlib.contextmanager
def within(invocation: Invocation) -> Iterator[None]:
    """Everything inside must be done before this invocation's time limit."""
    token = _end.set(time.monotonic() + invocation.get_remaining_time_in_millis() / 1000 - _RESERVED_SECONDS)
    try:
        yield
    finally:
        _end.reset(token)


def seconds_left() -> float:
    """Infinite outside an invocation; never negative."""
    end = _end.get()
    return float("inf") if end is None else max(0.0, end - time.monotonic())
