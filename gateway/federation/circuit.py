"""The circuit breaker of one subgraph: closed, open, and half open with one call that tries.

Closed, every call goes through and failures in a row are counted. Open, none does. When the pause is over, exactly one
call is let through: how it ends decides for all the others, which are refused meanwhile.
"""

from dataclasses import dataclass

from gateway.federation.errors import SubgraphFailure, SubgraphRejected, SubgraphStatus, SubgraphUnavailable


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after `failures` in a row and stays open for `reset` seconds; then one call tries."""

    failures: int = 5
    reset: float = 5.0


class Circuit:
    """Times are the event loop's. Without a breaker everything is let through."""

    __slots__ = ("_breaker", "_failures", "_open_until", "_trying")

    def __init__(self, breaker: Breaker | None) -> None:
        self._breaker = breaker
        self._failures = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def untroubled(self) -> bool:
        """Closed, and the last call did not fail."""
        return not self._failures and self._open_until is None

    def admit(self, now: float) -> bool:
        """Whether this call is the one that tries. Raises SubgraphRejected when nothing may go through."""
        self.check(now)
        self._trying = self._open_until is not None
        return self._trying

    def check(self, now: float) -> None:
        """Raises SubgraphRejected when nothing may go through."""
        if self._open_until is not None and (self._trying or now < self._open_until):
            raise SubgraphRejected("the circuit breaker is open")

    def succeeded(self, trial: bool) -> None:
        if trial:
            self._open_until = None
            self._trying = False
        if self._open_until is None:
            self._failures = 0

    def failed(self, failure: SubgraphFailure, trial: bool, now: float) -> None:
        """Counts a failure that tells of the subgraph's health. A refusal of the caller is an answer."""
        if self._breaker is None:
            return
        if not failure.sent and not isinstance(failure, SubgraphUnavailable):
            self.abandoned(trial)
            return
        if isinstance(failure, SubgraphStatus) and 400 <= failure.status < 500 and failure.status not in {408, 429}:
            self.succeeded(trial)
            return
        if trial:
            self._trying = False
            self._open_until = now + self._breaker.reset
        elif self._open_until is None:
            self._failures += 1
            if self._failures >= self._breaker.failures:
                self._open_until = now + self._breaker.reset

    def abandoned(self, trial: bool) -> None:
        """The call was cancelled or never made: another one may try."""
        if trial:
            self._trying = False
