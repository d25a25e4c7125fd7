"""Admits what can be done in the time that is left, refuses the rest early, and stops what nobody waits for.

As many operations run at once as keep the event loop prompt. How late it runs what is ready is what tells: a service
that waits (for the database, for a bank) has a prompt loop and lets more in; one that computes all the time has a late
one and lets fewer in, until each that is let in gets done. Others wait in the order of their coming, for as long as
they can still be done in time; where that cannot be, they are refused at once and told when to come again. The caller
has then lost milliseconds and not its whole time, and the service has not worked for somebody who is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

START: Final = 16
LEAST: Final = 8
MOST: Final = 64
WAITING: Final = 512

# The loop is late from LATE on, and prompt up to PROMPT (seconds).
_LATE: Final = 0.1
_PROMPT: Final = 0.03
# What is known of the past weighs this much beside the last operation.
_MEMORY: Final = 0.9
_SHRINK: Final = 0.9
_SHRINK_EVERY: Final = 0.2
_GROW_EVERY: Final = 0.05


class Overloaded(Exception):
    """`retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too much to do")
        self.retry_after = min(max(retry_after, 0.05), 30.0)


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits for a place until `until`."""

    place: asyncio.Future[None]
    until: float


@dataclass(slots=True)
class Admission:
    """The places of one kind of caller. Times are those of the running event loop."""

    most: int = MOST
    limit: float = START
    running: int = 0
    # How long an operation takes once it has its place.
    _seconds: float = 0.0
    _shrunk_at: float = 0.0
    _grown_at: float = 0.0
    _queue: deque[_Waiting] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def enter(self, until: float) -> None:
        """Takes a place, for an operation to be done by `until`. Raises Overloaded; else it needs its `leave`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        loop.call_soon(self._look, loop, now)
        if self.running < int(self.limit) and not self._queue:
            self.running += 1
            return
        expected = self._expected_wait()
        if len(self._queue) >= WAITING or now + expected + self._seconds > until:
            raise Overloaded(expected)
        one = _Waiting(loop.create_future(), until)
        self._queue.append(one)
        try:
            async with asyncio.timeout_at(until):
                await one.place
        except TimeoutError as exc:
            self._give_on(one)
            raise Overloaded(self._expected_wait()) from exc
        except asyncio.CancelledError:
            self._give_on(one)
            raise

    def leave(self, seconds: float, now: float) -> None:
        """Gives the place back. `seconds` is how long it was taken."""
        self._seconds = seconds if not self._seconds else _MEMORY * self._seconds + (1 - _MEMORY) * seconds
        self.running -= 1
        self._let_in(now)

    def adapt(self, late: float, now: float) -> None:
        """Fewer at once when the loop is late, one more when it is prompt and all places are taken."""
        if late > _LATE:
            if now - self._shrunk_at >= _SHRINK_EVERY:
                self._shrunk_at = now
                self.limit = max(float(LEAST), self.limit * _SHRINK)
        elif late < _PROMPT and self.running >= int(self.limit) and now - self._grown_at >= _GROW_EVERY:
            self._grown_at = now
            self.limit = min(float(self.most), self.limit + 1)
            self._let_in(now)

    def _look(self, loop: asyncio.AbstractEventLoop, asked_at: float) -> None:
        """Runs as soon as the loop comes to it: how late that is tells how much it has to do."""
        now = loop.time()
        self.adapt(now - asked_at, now)

    def _expected_wait(self) -> float:
        return self._seconds * (len(self._queue) + 1) / max(1, int(self.limit))

    def _give_on(self, one: _Waiting) -> None:
        """Whoever was given a place at the moment at which he left has it given on."""
        if one in self._queue:
            self._queue.remove(one)
        elif one.place.done() and not one.place.cancelled() and one.place.exception() is None:
            self.running -= 1
            self._let_in(asyncio.get_running_loop().time())

    def _let_in(self, now: float) -> None:
        """The next in line who can still be served in time; those who cannot are refused and cost nothing more."""
        while self._queue and self.running < int(self.limit):
            one = self._queue.popleft()
            if one.place.done():
                continue
            if now + self._seconds > one.until:
                one.place.set_exception(Overloaded(self._expected_wait()))
            else:
                self.running += 1
                one.place.set_result(None)
