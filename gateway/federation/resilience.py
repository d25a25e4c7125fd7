"""Resilience as it is done: one subgraph's transport under its policy."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from gateway.federation.circuit import Circuit, Heard
from gateway.federation.errors import (
    SubgraphFailure,
    SubgraphOverloaded,
    SubgraphRejected,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from gateway.federation.idempotency import is_idempotent
from gateway.federation.policy import Policy, longest_attempt
from gateway.federation.request import Answered, Call, SubgraphRequest, Transport
from gateway.federation.slots import Slots

_BACKOFF_BASE = 0.025
_BACKOFF_MOST = 1.0
_RESUBSCRIBE_BASE = 0.1
_RESUBSCRIBE_MOST = 2.0
# A subscription that held for longer than this was well: when it breaks, that is a new failure.
_HOLDS_SECONDS = 5.0


@dataclass(slots=True)
class Guard:
    """One subgraph's transport under its policy. Breaker and concurrency count for all requests together."""

    service: str
    transport: Transport
    policy: Policy
    _slots: Slots | None = field(init=False)
    _heard: Heard = field(init=False)
    circuit: Circuit = field(init=False)
    _longest: float = field(init=False)
    _send: Callable[[SubgraphRequest, Answered], Call | None] | None = field(init=False)
    begun: "set[_Begun]" = field(default_factory=set)
    _watch: asyncio.TimerHandle | None = None
    _watched: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self._heard = Heard()
        self.circuit = Circuit(self.policy.breaker, self._heard)
        self._slots = None if self.policy.concurrency is None else Slots(self.policy.concurrency)
        self._longest = longest_attempt(self.policy)
        # Hedging needs the ordinary way.
        self._send = None if self.policy.hedge is not None else getattr(self.transport, "begin", None)

    async def execute(self, request: SubgraphRequest, deadline: float, failed: BaseException | None = None) -> bytes:
        """The response's bytes. `failed` is how a first attempt, begun at once, has ended. Raises SubgraphFailure."""
        policy = self.policy
        if policy == _PLAIN:
            if failed is not None:
                raise failed
            return await self._within(request, deadline)
        loop = asyncio.get_running_loop()
        if policy.timeout is not None:
            began = failed.began if isinstance(failed, SubgraphFailure) else None
            deadline = min(deadline, (loop.time() if began is None else began) + policy.timeout)
        attempt, earlier = 0, None
        while True:
            try:
                if failed is not None:
                    raise failed
                return await self._attempt(request, deadline)
            except SubgraphFailure as failure:
                if earlier is not None and isinstance(failure, SubgraphRejected):
                    # Why it was wanted again says more than why it was not tried again.
                    raise earlier from failure
                failed, earlier = None, failure
                wait = _pause(failure, attempt)
                attempt += 1
                last = attempt > (policy.retries or 0) or loop.time() + wait >= deadline
                if last or not self._may_repeat(request, failure):
                    raise
                await asyncio.sleep(wait)

    async def subscribe(self, request: SubgraphRequest) -> AsyncGenerator[bytes]:
        """The events. When the connection breaks, it is subscribed anew for as long as is declared.

        What the subgraph tells first of a new subscription (its present state) comes again then. Raises
        SubgraphFailure.
        """
        loop = asyncio.get_running_loop()
        attempt, give_up = 0, 0.0
        while True:
            began = loop.time()
            try:
                async with aclosing(cast("AsyncGenerator[bytes]", self.transport.subscribe(request))) as events:
                    async for event in events:
                        yield event
                return
            except SubgraphFailure as failure:
                broken = failure.retryable and isinstance(failure, SubgraphUnavailable | SubgraphStatus)
                if self.policy.resubscribe is None or not broken:
                    raise
                now = loop.time()
                if not attempt or now - began > _HOLDS_SECONDS:
                    attempt, give_up = 0, now + self.policy.resubscribe
                wait = random.uniform(0, min(_RESUBSCRIBE_MOST, _RESUBSCRIBE_BASE * 2**attempt))  # noqa: S311 - jitter
                if now + wait >= give_up:
                    raise
            attempt += 1
            await asyncio.sleep(wait)

    def under(self, policy: Policy, *, apart: bool = False) -> "Guard":
        """The same subgraph under other numbers: what is counted for it counts for both.

        `apart` has a circuit of its own: what happens to its calls says nothing of the others.
        """
        guard = Guard(self.service, self.transport, policy)
        guard._slots, guard._heard = self._slots, self._heard
        guard.circuit = Circuit(policy.breaker, self._heard) if apart else self.circuit
        return guard

    def _may_repeat(self, request: SubgraphRequest, failure: SubgraphFailure) -> bool:
        if isinstance(failure, SubgraphOverloaded):
            # Who only reads is told to come again, or the overloaded would be asked several times for every request.
            return request.kind == "mutation"
        if failure.busy and request.kind == "query":
            return False
        return failure.retryable and (
            request.kind == "query" or not failure.sent or is_idempotent(request, self.policy.idempotency_argument)
        )

    def begin(
        self, request: SubgraphRequest, deadline: float, answered: Answered, loop: asyncio.AbstractEventLoop
    ) -> Call | None:
        """Sends at once, without a task, when nothing stands against it; None otherwise (then `execute` does it).

        A failure is handed over after one attempt: `execute` is told of it and makes the others. `loop` is the
        running one: to ask for it takes a system call.
        """
        send = self._send
        if send is None or not self.circuit.untroubled:
            return None
        now = loop.time()
        allowed = min(deadline - now, self._longest)
        if allowed <= 0:
            return None
        if self._slots is not None and not self._slots.take_nowait():
            return None
        request.timeout = allowed
        begun = _Begun(self, self._slots, answered)
        try:
            call = send(request, begun.finish)
        except BaseException:
            begun.leave()
            raise
        if call is None:
            begun.leave()
            return None
        begun.call = call
        begun.began = now
        begun.until = now + allowed
        begun.answers = self._heard.answers
        self.begun.add(begun)
        if self._watch is None or self._watched is not loop:
            self._watched = loop
            self._watch = loop.call_later(_WATCH_SECONDS, self._expire)
        return begun

    def _expire(self) -> None:
        """Ends what has no time left. One timer for all calls: a timer for each costs more than all else of `begin`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        try:
            for begun in [begun for begun in self.begun if begun.until <= now]:
                begun.expire()
        finally:
            self._watch = loop.call_later(_WATCH_SECONDS, self._expire) if self.begun else None

    def note_begun(self, begun: "_Begun", failure: BaseException) -> None:
        """Counts how a begun call has failed. It says since when time is being spent on it."""
        if isinstance(failure, SubgraphFailure):
            failure.began = begun.began
            failure.busy = failure.late and self._heard.answers != begun.answers
            self.circuit.failed(failure, False, asyncio.get_running_loop().time())

    async def _attempt(self, request: SubgraphRequest, deadline: float) -> bytes:
        """One attempt, hedged if that is declared, of which the breaker is told."""
        loop = asyncio.get_running_loop()
        if self._slots is not None:
            await self._take_place(self._slots, deadline)
        try:
            trial = await self.circuit.admit(deadline)
            answers = self._heard.answers
            try:
                answer = await self._hedged(request, min(deadline, loop.time() + self._longest))
            except SubgraphFailure as failure:
                failure.busy = failure.late and self._heard.answers != answers
                self.circuit.failed(failure, trial, loop.time())
                raise
            except BaseException:
                self.circuit.abandoned(trial)
                raise
            self.circuit.succeeded(trial)
            return answer
        finally:
            if self._slots is not None:
                self._slots.give()

    async def _take_place(self, slots: Slots, deadline: float) -> None:
        if slots.take_nowait():
            return
        # When all places are taken by calls that hang, nobody queues behind them once that is known.
        self.circuit.check(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout_at(deadline):
                await slots.take()
        except TimeoutError as error:
            raise SubgraphRejected("too many calls are waiting") from error

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
        allowed = deadline - asyncio.get_running_loop().time()
        if allowed <= 0:
            raise SubgraphTimeout("was not asked: the request's time is spent").before_sending()
        request.timeout = allowed
        try:
            async with asyncio.timeout(allowed):
                return await self.transport.execute(request)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error
        except SubgraphFailure:
            raise
        except Exception as error:
            # A transport raises nothing else; should it, that is a fault of one call and not of the request.
            raise SubgraphUnavailable("failed") from error


_PLAIN = Policy()
# How late the time limit of a call may be noticed.
_WATCH_SECONDS = 0.01


class _Begun:
    """A call that was sent at once: its place, when its time is up, and who is told."""

    __slots__ = ("_answered", "_guard", "_slots", "answers", "began", "call", "until")

    def __init__(self, guard: Guard, slots: Slots | None, answered: Answered) -> None:
        self._guard = guard
        self._slots = slots
        self._answered = answered
        self.call: Call | None = None
        self.began = self.until = 0.0
        self.answers = 0

    def leave(self) -> None:
        """Gives the place back, and lets go of what refers to this: nothing is left for the cycle collector."""
        self.call = None
        self._guard.begun.discard(self)
        if self._slots is not None:
            self._slots.give()

    def cancel(self) -> None:
        if self.call is not None:
            self.call.cancel()
        self.leave()

    def finish(self, answer: bytes | None, failure: BaseException | None) -> None:
        self.leave()
        if failure is not None:
            self._guard.note_begun(self, failure)
        elif answer is not None:
            self._guard.circuit.succeeded(False)
        self._answered(answer, failure)

    def expire(self) -> None:
        try:
            if self.call is not None:
                self.call.cancel()
        finally:
            self.finish(None, SubgraphTimeout("did not answer in time"))


def _pause(failure: SubgraphFailure, attempt: int) -> float:
    """Seconds before another attempt, with full jitter; who was told when to come again comes no sooner."""
    if isinstance(failure, SubgraphOverloaded):
        return failure.retry_after * random.uniform(1, 1.5)  # noqa: S311 - jitter
    return random.uniform(0, min(_BACKOFF_MOST, _BACKOFF_BASE * 2**attempt))  # noqa: S311 - jitter


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
