"""Password hashes: argon2id (RFC 9106), in a lane of their own, because each takes 64 MiB and a sixth of a second.

A hash of these parameters is worked on by four threads of argon2's own, so that a core is not better used by two
hashes at once than by one after the other.
"""

import os
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from subgraphs.chassis.leaving import while_wanted
from subgraphs.chassis.thread_lane import ThreadLane

T = TypeVar("T")

# Whoever comes after so many would wait for a second.
WAITING_PER_THREAD: Final = 4
# Fewer than the eight operations that a service always lets in at once, so that others are always let in beside.
MOST_PLACES: Final = 6
AT_ONCE_PER_CLIENT: Final = 2
# Threads that answer are scheduled first.
NICENESS: Final = 5


class TooBusy(Exception):
    """No place for another hash: nothing was begun. ``retry_after`` is when there probably is one."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Passwords:
    """One for a process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self.threads = min(max(1, _cores() // self._hasher.parallelism), MOST_PLACES)
        self.places = min(self.threads * (1 + WAITING_PER_THREAD), MOST_PLACES)
        # Twice as many as there are places: one who has one is never refused by the lane.
        self._lane = ThreadLane("passwords", self.threads, 2 * self.places, niceness=NICENESS)
        self._clients: Counter[str | None] = Counter()
        self._seconds_each = 0.2
        # Verified for addresses that nobody has, so that the answer takes as long as for one that somebody has.
        self._nobodys = PasswordHasher().hash("nobody has this password")

    @contextmanager
    def place(self, client: str | None) -> Iterator[None]:
        """Within it a password may be hashed. Take it before anything else is done: whoever gets none costs nothing.

        Raises ``TooBusy`` when all places are taken, or two by this client (``Context.client_address``).
        """
        taken = self._clients.total()
        if taken >= self.places or (client is not None and self._clients[client] >= AT_ONCE_PER_CLIENT):
            raise TooBusy(timedelta(seconds=(taken + 1) * self._seconds_each / self.threads))
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    @property
    def places_taken(self) -> int:
        """By callers, or by a hash that is worked on although its caller has gone."""
        return max(self._clients.total(), self._lane.taken)

    async def hash(self, password: str) -> str:
        """Raises ``CallerGone``: nothing is hashed for who has gone meanwhile."""
        return await while_wanted(self._lane.call(self._timed, lambda: self._hasher.hash(_octets(password))))

    async def verify(self, stored: str | None, password: str) -> bool:
        """False without a stored hash, after the same work. Raises ``CallerGone``."""
        matching = self._lane.call(self._timed, lambda: self._matches(stored or self._nobodys, _octets(password)))
        right = await while_wanted(matching)
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Made with weaker parameters than today's: hash the password anew when it is known, at sign-in."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._lane.close()

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    def _timed(self, work: Callable[[], T]) -> T:
        """In a lane's thread; the average follows the last ten or so."""
        started = time.perf_counter()
        done = work()
        self._seconds_each += (time.perf_counter() - started - self._seconds_each) / 10
        return done


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _octets(password: str) -> bytes:
    """NFKC first, since keyboards differ in how they write an accent (NIST SP 800-63B, 5.1.1.2).

    JSON can carry half of a surrogate pair, which has no UTF-8: as part of a password it is as good as any other.
    """
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
