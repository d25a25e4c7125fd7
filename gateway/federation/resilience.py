"""Resilience as it is done: one subgraph's transport under its policy."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.federation.circuit import Circuit
from gateway.federation.errors import SubgraphFailure, SubgraphRejected, SubgraphTimeout
from gateway.federation.idempotency import is_idempotent
from gateway.federation.policy import Policy
from gateway.federation.request import Answered, Call, SubgraphRequest, Transport
from gateway.federation.slots import Slots

_BACKOFF_BASE = 0.025
_BACKOFF_MOST = 1.0


@dataclass(slots=True)
class Guard:
    """One subgraph's transport under its policy. Breaker and concurrency count for all requests together."""

    service: str
    transport: Transport
    policy: Policy
    _slots: Slots | None = field(default=None)
    _circuit: Circuit = field(init=False)
    _send: Callable[[SubgraphRequest, Answered], Call | None] | None = field(init=False)
    _begun: "set[_Begun]" = field(default_factory=set)
    _watch: asyncio.TimerHandle | None = None
    _watched: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self._circuit = Circuit(self.policy.breaker)
        self._send = getattr(self.transport, "begin", None)

    async def execute(self, request: SubgraphRequest, deadline: float, failed: BaseException | None = None) -> bytes:
        """The response's bytes. `failed` is how a first attempt, begun at once, has ended. Raises SubgraphFailure."""
        policy = self.policy
        if policy == _PLAIN:
            if failed is not None:
                raise failed
            return await self._within(request, deadline)
        loop = asyncio.get_running_loop()
        attempts = 1 + policy.retries
        for attempt in range(attempts):
            trial = False
            try:
                if failed is not None:
                    raise failed
                trial = self._circuit.admit(loop.time())
                answer = await self._limited(request, deadline)
            except SubgraphFailure as failure:
                if failed is None:
                    self._circuit.failed(failure, trial, loop.time())
                failed = None
                wait = random.uniform(0, min(_BACKOFF_MOST, _BACKOFF_BASE * 2**attempt))  # noqa: S311 - jitter
                if attempt + 1 == attempts or loop.time() + wait >= deadline or not self._may_repeat(request, failure):
                    raise
                await asyncio.sleep(wait)
            except BaseException:
                self._circuit.abandoned(trial)
                raise
            else:
                self._circuit.succeeded(trial)
                return answer
        raise SubgraphRejected("no attempt was allowed")

    def _may_repeat(self, request: SubgraphRequest, failure: SubgraphFailure) -> bool:
        return failure.retryable and (
            request.kind == "query" or not failure.sent or is_idempotent(request, self.policy.idempotency_argument)
        )

    def begin(self, request: SubgraphRequest, deadline: float, answered: Answered) -> Call | None:
        """Sends at once, without a task, when nothing stands against it; None otherwise (then `execute` does it).

        A failure is handed over after one attempt: `execute` is told of it and makes the others.
        """
        send = self._send
        if send is None or self.policy.hedge is not None or not self._circuit.untroubled:
            return None
        loop = asyncio.get_running_loop()
        now = loop.time()
        allowed = deadline - now if self.policy.timeout is None else min(deadline - now, self.policy.timeout)
        if allowed <= 0:
            return None
        if self.policy.concurrency is not None:
            if self._slots is None:
                self._slots = Slots(self.policy.concurrency)
            if not self._slots.take_nowait():
                return None
        request.timeout = allowed
        begun = _Begun(self, self._slots, answered)
        call = send(request, begun.finish)
        if call is None:
            begun.leave()
            return None
        begun.call = call
        begun.until = now + allowed
        self._begun.add(begun)
        if self._watch is None or self._watched is not loop:
            self._watched = loop
            self._watch = loop.call_later(_WATCH_SECONDS, self._expire)
        return begun

    def _expire(self) -> None:
        """Ends what has no time left. One timer for all calls: a timer for each costs more than all else of `begin`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for begun in [begun for begun in self._begun if begun.until <= now]:
            begun.expire()
        self._watch = loop.call_later(_WATCH_SECONDS, self._expire) if self._begun else None

    def forget_begun(self, begun: "_Begun") -> None:
        self._begun.discard(begun)

    def note_begun(self, failure: BaseException | None) -> None:
        """Counts how a begun call ended."""
        if isinstance(failure, SubgraphFailure):
            self._circuit.failed(failure, False, asyncio.get_running_loop().time())

    async def _limited(self, request: SubgraphRequest, deadline: float) -> bytes:
        if self.policy.concurrency is None:
            return await self._hedged(request, deadline)
        if self._slots is None:
            self._slots = Slots(self.policy.concurrency)
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.take()
        except TimeoutError as error:
            raise SubgraphRejected("too many calls are waiting") from error
        try:
            return await self._hedged(request, deadline)
        finally:
            self._slots.give()

    async def _hedged(self, request: SubgraphRequest, deadline: float) -> bytes:
        if self.policy.hedge is None or request.kind != "query":
            return await self._within(request, deadline)
        first = asyncio.ensure_future(self._within(request, deadline))
        calls = {first}
        try:
            await asyncio.wait(calls, timeout=self.policy.hedge)
            if not first.done():
                calls.add(asyncio.ensure_future(self._within(request, deadline)))
            return await _first_success(calls)
        finally:
            for call in calls:
                call.cancel()

    async def _within(self, request: SubgraphRequest, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        left = deadline - loop.time()
        allowed = left if self.policy.timeout is None else min(left, self.policy.timeout)
        if allowed <= 0:
            raise SubgraphTimeout("was not asked: the request's time is spent").before_sending()
        request.timeout = allowed
        try:
            async with asyncio.timeout(allowed):
                return await self.transport.execute(request)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error


_PLAIN = Policy()
# How late the time limit of a call may be noticed.
_WATCH_SECONDS = 0.01


class _Begun:
    """A call that was sent at once: its place, when its time is up, and who is told."""

    __slots__ = ("_answered", "_guard", "_slots", "call", "until")

    def __init__(self, guard: Guard, slots: Slots | None, answered: Answered) -> None:
        self._guard = guard
        self._slots = slots
        self._answered = answered
        self.call: Call | None = None
        self.until = 0.0

    def leave(self) -> None:
        """Gives the place back, and lets go of what refers to this: nothing is left for the cycle collector."""
        self.call = None
        self._guard.forget_begun(self)
        if self._slots is not None:
            self._slots.give()

    def cancel(self) -> None:
        if self.call is not None:
            self.call.cancel()
        self.leave()

    def finish(self, answer: bytes | None, failure: BaseException | None) -> None:
        self.leave()
        if failure is not None:
            self._guard.note_begun(failure)
        self._answered(answer, failure)

    def expire(self) -> None:
        if self.call is not None:
            self.call.cancel()
        self.finish(None, SubgraphTimeout("did not answer in time"))


async def _first_success(calls: set[asyncio.Task[bytes]]) -> bytes:
    pending = set(calls)
    failure: BaseException | None = None
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        # Of two that end at the same moment each is asked how, or asyncio would report it as never heard of.
        failures = [(call, call.exception()) for call in done]
        for call, error in failures:
            if error is None:
                return call.result()
            failure = error
    raise failure or SubgraphRejected("nothing was sent")
