"""How many requests are worked on at once: the rest waits a little or is told, at once, when to come again.

The door knows nothing of what a request will need: it is asked before anything is parsed. It learns from how long
answers take. While they are quick there are more places, when all are taken; when they become slow there are fewer,
but never fewer than `least`. A burst waits for its turn. A line that does not get shorter is no burst: who comes to
one is refused, since waiting would only make every answer late.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Final

# What is known of the past weighs this much beside the last answer.
_MEMORY: Final = 0.9
_SHRINK: Final = 0.95
_SHRINK_EVERY: Final = 0.2


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Places; seconds that an answer should take; seconds that a burst may wait, and who comes to a standing line.

    A line stands when it has not been empty for `standing` seconds. `waiting` is how many may wait at all.
    """

    least: int
    most: int
    target: float = 1.0
    burst: float = 3.0
    stand: float = 0.1
    standing: float = 1.0
    waiting: int = 512


QUERIES: Final = AdmissionLimits(least=16, most=512, target=0.6)
# They wait for banks and queues, and have been decided on: as many as there are, and a longer line.
MUTATIONS: Final = AdmissionLimits(least=128, most=128, burst=5.0, stand=5.0)


class Overloaded(Exception):
    """`retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too much to do")
        self.retry_after = min(max(retry_after, 0.2), 30.0)


class Admission:
    """The places for one kind of request. `now` is a time of `monotonic`."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self.limit = float(limits.least)
        self.running = 0
        self._seconds = 0.0
        self._shrunk_at = 0.0
        self._empty_at = 0.0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def enter(self) -> "Admitted":
        """Raises Overloaded."""
        return self.take() or await self._wait()

    def take(self) -> "Admitted | None":
        """A place, if one is free and nobody waits: as a rule, and then nothing else is to be done."""
        if self._queue or self.running >= self.limit:
            return None
        self.running += 1
        return Admitted(self)

    async def _wait(self) -> "Admitted":
        now = monotonic()
        if not self._queue:
            self._empty_at = now
        allowed = self._limits.burst if now - self._empty_at < self._limits.standing else self._limits.stand
        expected = self._expected_wait()
        if expected > allowed or len(self._queue) >= self._limits.waiting:
            raise Overloaded(expected)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(2 * self._limits.burst):
                await place
        except TimeoutError as exc:
            self._give_on(place)
            raise Overloaded(self._expected_wait()) from exc
        except asyncio.CancelledError:
            self._give_on(place)
            raise
        return Admitted(self)

    def leave(self, seconds: float, now: float) -> None:
        """Gives a place back that was taken for so long."""
        self._seconds = seconds if not self._seconds else _MEMORY * self._seconds + (1 - _MEMORY) * seconds
        limits = self._limits
        if seconds > limits.target:
            if now - self._shrunk_at >= _SHRINK_EVERY:
                self._shrunk_at = now
                self.limit = max(float(limits.least), self.limit * _SHRINK)
        elif self.running >= int(self.limit):
            self.limit = min(float(limits.most), self.limit + 1 / self.limit)
        self.running -= 1
        self._let_in()

    def _expected_wait(self) -> float:
        return self._seconds * (len(self._queue) + 1) / self.limit

    def _give_on(self, place: "asyncio.Future[None]") -> None:
        """Whoever was given a place at the moment at which he left has it given on."""
        if place in self._queue:
            self._queue.remove(place)
        elif place.done() and not place.cancelled():
            self.running -= 1
            self._let_in()

    def _let_in(self) -> None:
        while self._queue and self.running < self.limit:
            place = self._queue.popleft()
            if not place.done():
                self.running += 1
                place.set_result(None)


class Admitted:
    """One place, until `leave`; to leave it twice is to leave it once."""

    __slots__ = ("_admission", "_began")

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission
        self._began = monotonic()

    def leave(self) -> None:
        admission, self._admission = self._admission, None
        if admission is not None:
            now = monotonic()
            admission.leave(now - self._began, now)


class Admissions:
    """The places of queries and of mutations: readers do not keep buyers out."""

    def __init__(self, queries: AdmissionLimits, mutations: AdmissionLimits) -> None:
        self.queries = Admission(queries)
        self.mutations = Admission(mutations)

    def of_text(self, text: bytes) -> Admission:
        """For a request of which only the text is known: one that has the word in it may be a mutation."""
        return self.mutations if b"mutation" in text else self.queries
