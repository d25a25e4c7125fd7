"""Circuit breakers: closed, open, and half open while traffic comes back in steps.

Closed, every call goes through and failures in a row are counted. Open, none does. When the pause is over, one call is
let through; with each that ends well twice as many may be under way, until all may. Who comes meanwhile waits a moment
for a place among them. One call that ends badly opens the circuit again.

What counts is what tells of sickness: connections that are refused or break, statuses of 5xx, and silence. A call
that took too long counts only when the subgraph has answered *nobody* since it began: one that answers others is busy,
and who is busy and then avoided works for nobody at all. A refusal is an answer, whatever it refuses for.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from gateway.federation.errors import SubgraphFailure, SubgraphRejected, SubgraphStatus, SubgraphUnavailable

# From so many calls at once on, a circuit that was open is closed.
_WELL_AGAIN = 64


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after `failures` in a row and stays open for `reset` seconds; then traffic comes back in steps.

    Who finds no place among the first calls waits for one for at most `patience` seconds.
    """

    failures: int = 5
    reset: float = 5.0
    patience: float = 0.5


class Heard:
    """How often a subgraph has answered, whoever asked."""

    __slots__ = ("answers",)

    def __init__(self) -> None:
        self.answers = 0


class Circuit:
    """Times are the event loop's. Without a breaker everything is let through."""

    __slots__ = ("_allowed", "_breaker", "_failures", "_heard", "_open_until", "_trials", "_waiting")

    def __init__(self, breaker: Breaker | None, heard: Heard) -> None:
        self._breaker = breaker
        self._heard = heard
        self._failures = 0
        self._open_until: float | None = None
        # Half open: how many calls may be under way, how many are, and who waits to be one of them.
        self._allowed = 1
        self._trials = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def untroubled(self) -> bool:
        """Closed, and the last call did not fail."""
        return not self._failures and self._open_until is None

    def check(self, now: float) -> None:
        """Raises SubgraphRejected while the circuit is open."""
        if self._open_until is not None and now < self._open_until:
            raise SubgraphRejected("the circuit breaker is open")

    async def admit(self, deadline: float) -> bool:
        """Whether this call is one of those that try. Raises SubgraphRejected when it may not go through."""
        if self._open_until is None:
            return False
        loop = asyncio.get_running_loop()
        self.check(loop.time())
        if self._trials < self._allowed and not self._waiting:
            self._trials += 1
            return True
        patience = 0.0 if self._breaker is None else self._breaker.patience
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + patience)):
                return await waiter
        except TimeoutError as error:
            self._leave(waiter)
            raise SubgraphRejected("the circuit breaker lets few calls through yet") from error
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: "asyncio.Future[bool]") -> None:
        """Gives on the place that somebody was given at the moment at which he left."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.abandoned(waiter.result())

    def succeeded(self, trial: bool) -> None:
        """The subgraph has answered."""
        self._heard.answers += 1
        if not trial:
            if self._failures and self._open_until is None:
                self._failures = 0
            return
        self._trials -= 1
        if self._open_until is None:
            return
        self._allowed *= 2
        if self._allowed >= _WELL_AGAIN:
            self._open_until = None
            self._failures = 0
            self._allowed = 1
            waiting, self._waiting = self._waiting, deque()
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(False)
        else:
            self._let_in()

    def failed(self, failure: SubgraphFailure, trial: bool, now: float) -> None:
        """Counts a failure that tells of the subgraph's health."""
        if self._breaker is None:
            return
        if not failure.sent and not isinstance(failure, SubgraphUnavailable):
            self.abandoned(trial)
        elif _is_answer(failure):
            self.succeeded(trial)
        elif failure.busy:
            self.abandoned(trial)
        elif trial:
            self._trials -= 1
            self._open(now + self._breaker.reset)
        elif self._open_until is None:
            self._failures += 1
            if self._failures >= self._breaker.failures:
                self._open(now + self._breaker.reset)

    def abandoned(self, trial: bool) -> None:
        """The call was cancelled or never made: another one may try."""
        if trial:
            self._trials -= 1
            self._let_in()

    def _open(self, until: float) -> None:
        self._open_until = until
        self._allowed = 1
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(SubgraphRejected("the circuit breaker is open"))

    def _let_in(self) -> None:
        while self._waiting and self._trials < self._allowed:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._trials += 1
                waiter.set_result(True)


def _is_answer(failure: SubgraphFailure) -> bool:
    """Whether somebody was there who answered: with a refusal of this call, or with too much."""
    if isinstance(failure, SubgraphStatus):
        return 400 <= failure.status < 500 and failure.status != 408
    return failure.answered
