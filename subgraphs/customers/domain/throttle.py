"""How often a password may be guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

MAX_FAILURES: Final = 5
WINDOW: Final = timedelta(minutes=15)


def is_throttled(failures: int) -> bool:
    """After five failures for one address within 15 minutes every further attempt is refused unseen.

    The window begins with the first failure, so whoever is locked out by somebody else's guesses is let in again
    after at most 15 minutes. Unknown addresses are counted alike, or the answer would tell them apart.
    """
    return failures > MAX_FAILURES
