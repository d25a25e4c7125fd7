"""Resilience as it is declared: what to do when the owner of a field is slow, down, or asked too much.

A policy holds for a subgraph (`Subgraph("suggestions")`) or, as far as fallbacks go, for a field
(`Field("Event.combos")`). A fallback never hides a refusal: `NEVER_HIDDEN` lists the codes that pass through it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.federation.circuit import Breaker, Circuit
from gateway.federation.errors import SubgraphFailure, SubgraphRejected, SubgraphTimeout
from gateway.federation.idempotency import is_idempotent
from gateway.federation.planner.plan import Selected
from gateway.federation.request import Answered, Call, SubgraphRequest, Transport
from gateway.federation.slots import Slots

NEVER_HIDDEN = frozenset(
    {
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "UNAUTHORIZED",
        "BAD_USER_INPUT",
        "BAD_REQUEST",
        "GRAPHQL_VALIDATION_FAILED",
        "GRAPHQL_PARSE_FAILED",
        "INVALID_INPUT",
    }
)
_BACKOFF_BASE = 0.025
_BACKOFF_MOST = 1.0


@dataclass(frozen=True, slots=True)
class Subgraph:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its coordinate, `Type.field`."""

    coordinate: str


@dataclass(frozen=True, slots=True)
class FallbackContext:
    """What a fallback may look at. `representation` is the object's key fields; None for a root field.

    `asked` tells apart what was asked of the field: arguments, and what of its value.
    """

    coordinate: str
    identity: Hashable
    representation: bytes | None
    reason: str
    asked: Hashable = None


class Fallback(Protocol):
    """`value` gives JSON values, or raises LookupError when it has none. `source` names it in `extensions.degraded`."""

    source: str

    async def value(self, context: FallbackContext) -> Any: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same JSON value."""

    constant: Any
    source: str = "constant"

    async def value(self, context: FallbackContext) -> Any:
        return self.constant


class LastGood:
    """The last value that the owner gave this identity for this object, at most `max_age` seconds old."""

    def __init__(self, max_age: float, entries: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = "last_good"
        self._max_age = max_age
        self._entries = entries
        self._clock = clock
        self._known: dict[tuple[str, Hashable, bytes | None, Hashable], tuple[float, Any]] = {}

    def remember(
        self, coordinate: str, identity: Hashable, representation: bytes | None, value: Any, asked: Hashable = None
    ) -> None:
        key = (coordinate, identity, representation, asked)
        self._known.pop(key, None)
        self._known[key] = (self._clock(), value)
        if len(self._known) > self._entries:
            del self._known[next(iter(self._known))]

    async def value(self, context: FallbackContext) -> Any:
        at, value = self._known[context.coordinate, context.identity, context.representation, context.asked]
        if self._clock() - at > self._max_age:
            raise LookupError(context.coordinate)
        return value


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. `hedge`: a second, equal query is sent after this long. `concurrency` bounds calls at once.

    Queries are retried. A mutation is retried when the subgraph has certainly seen nothing of it, or when it carries an
    idempotency key: in the header `Idempotency-Key`, or in the argument (or field of an input) named
    `idempotency_argument`, which every mutation of the request must have.
    """

    timeout: float | None = None
    retries: int = 0
    breaker: Breaker | None = None
    concurrency: int | None = None
    hedge: float | None = None
    fallback: Fallback | None = None
    idempotency_argument: str | None = None


class Policies:
    """All declared policies. Field fallbacks win over the fallback of the field's subgraph."""

    def __init__(
        self, declared: Mapping[Subgraph | Field, Policy] | None = None, default: Policy | None = None
    ) -> None:
        self._default = default or Policy()
        self._services = {key.name: policy for key, policy in (declared or {}).items() if isinstance(key, Subgraph)}
        self._fields = {key.coordinate: policy for key, policy in (declared or {}).items() if isinstance(key, Field)}

    @property
    def coordinates(self) -> frozenset[str]:
        return frozenset(self._fields)

    @property
    def services(self) -> frozenset[str]:
        return frozenset(self._services)

    def of_service(self, service: str) -> Policy:
        return self._services.get(service, self._default)

    def keeps(self, service: str, coordinate: str) -> bool:
        """Whether a fallback wants to know the last good values of a field."""
        return isinstance(self.fallback(service, coordinate), LastGood)

    def keep(
        self,
        service: str,
        field: Selected,
        identity: Hashable,
        representation: bytes | None,
        value: Any,
        asked: Hashable,
    ) -> None:
        """Tells the field's fallback a value that its owner has just given."""
        coordinate = f"{field.type}.{field.name}"
        fallback = self.fallback(service, coordinate)
        if isinstance(fallback, LastGood):
            fallback.remember(coordinate, identity, representation, value, asked)

    def fallback(self, service: str, coordinate: str) -> Fallback | None:
        declared = self._fields.get(coordinate)
        if declared is not None and declared.fallback is not None:
            return declared.fallback
        return self.of_service(service).fallback


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


class InFlight:
    """Equal queries of one identity that are under way at the same moment are sent once."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, tuple[asyncio.Task[bytes], list[int]]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[bytes]]) -> bytes:
        """Joins the call under way for `key` or starts it; it is cancelled when the last waiter leaves."""
        known = self._calls.get(key)
        if known is None:
            task = asyncio.ensure_future(_run(call))
            known = self._calls[key] = (task, [0])
            task.add_done_callback(lambda _: self._calls.pop(key, None))
        task, waiting = known
        waiting[0] += 1
        try:
            return await asyncio.shield(task)
        finally:
            waiting[0] -= 1
            if not waiting[0] and not task.done():
                self._calls.pop(key, None)
                task.cancel()


async def _run(call: Callable[[], Awaitable[bytes]]) -> bytes:
    return await call()
