"""How background tasks wait: for one of several events, and longer after each failure."""

from __future__ import annotations

import asyncio
import random
from typing import Final

SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 10.0
# From here on every pause is the longest. Without a bound the power no longer fits a float after 1,024 failures.
_DOUBLINGS: Final = 6


async def first_of(*events: asyncio.Event, seconds: float) -> None:
    """Return when one of the events is set, or after ``seconds``."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def pause_after(failures: int) -> float:
    """Seconds until the next attempt after so many failures in a row (1 or more): full jitter, at most 10 s."""
    longest = min(0.2 * 2 ** min(failures, _DOUBLINGS), LONGEST_PAUSE_SECONDS)
    return random.uniform(SHORTEST_PAUSE_SECONDS, longest)  # noqa: S311 - jitter
