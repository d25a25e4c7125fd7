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

from gateway.federation.errors import SubgraphFailure, SubgraphRejected, SubgraphTimeout
from gateway.federation.request import SubgraphRequest, Transport

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
    """What a fallback may look at. `representation` is the object's key fields; None for a root field."""

    coordinate: str
    identity: Hashable
    representation: bytes | None
    reason: str


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
        self._known: dict[tuple[str, Hashable, bytes | None], tuple[float, Any]] = {}

    def remember(self, coordinate: str, identity: Hashable, representation: bytes | None, value: Any) -> None:
        key = (coordinate, identity, representation)
        self._known.pop(key, None)
        self._known[key] = (self._clock(), value)
        if len(self._known) > self._entries:
            del self._known[next(iter(self._known))]

    async def value(self, context: FallbackContext) -> Any:
        at, value = self._known[context.coordinate, context.identity, context.representation]
        if self._clock() - at > self._max_age:
            raise LookupError(context.coordinate)
        return value


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after `failures` in a row and stays open for `reset` seconds; then one call tries."""

    failures: int = 5
    reset: float = 5.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. `hedge`: a second, equal query is sent after this long. `concurrency` bounds calls at once."""

    timeout: float | None = None
    retries: int = 0
    breaker: Breaker | None = None
    concurrency: int | None = None
    hedge: float | None = None
    fallback: Fallback | None = None


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
    _failures: int = 0
    _open_until: float = 0.0
    _slots: asyncio.Semaphore | None = field(default=None)

    async def execute(self, request: SubgraphRequest, deadline: float) -> bytes:
        """The response's bytes. Raises SubgraphFailure."""
        policy = self.policy
        if policy == _PLAIN:
            return await self._within(request, deadline)
        loop = asyncio.get_running_loop()
        safe = request.kind == "query" or any(name.lower() == "idempotency-key" for name in request.headers)
        attempts = 1 + (policy.retries if safe else 0)
        for attempt in range(attempts):
            self._refuse_when_open(loop.time())
            try:
                answer = await self._limited(request, deadline)
            except SubgraphFailure as failure:
                self._note_failure(failure, loop.time())
                wait = random.uniform(0, min(_BACKOFF_MOST, _BACKOFF_BASE * 2**attempt))  # noqa: S311 - jitter
                if attempt + 1 == attempts or not failure.retryable or loop.time() + wait >= deadline:
                    raise
                await asyncio.sleep(wait)
            else:
                self._failures = 0
                return answer
        raise SubgraphRejected("no attempt was allowed")

    def _refuse_when_open(self, now: float) -> None:
        if self.policy.breaker is not None and now < self._open_until:
            raise SubgraphRejected("the circuit breaker is open")

    def _note_failure(self, failure: SubgraphFailure, now: float) -> None:
        breaker = self.policy.breaker
        if breaker is None or failure.code in NEVER_HIDDEN or isinstance(failure, SubgraphRejected):
            return
        self._failures += 1
        if self._failures >= breaker.failures:
            self._open_until = now + breaker.reset
            # The next call after the pause decides alone.
            self._failures = breaker.failures - 1

    async def _limited(self, request: SubgraphRequest, deadline: float) -> bytes:
        if self.policy.concurrency is None:
            return await self._hedged(request, deadline)
        if self._slots is None:
            self._slots = asyncio.Semaphore(self.policy.concurrency)
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError as error:
            raise SubgraphRejected("too many calls are waiting") from error
        try:
            return await self._hedged(request, deadline)
        finally:
            self._slots.release()

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
            raise SubgraphTimeout("the request's time is spent")
        request.timeout = allowed
        try:
            async with asyncio.timeout(allowed):
                return await self.transport.execute(request)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error


_PLAIN = Policy()


async def _first_success(calls: set[asyncio.Task[bytes]]) -> bytes:
    pending = set(calls)
    failure: BaseException | None = None
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for call in done:
            error = call.exception()
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
