"""Equal queries of one identity that are under way at the same moment are sent once.

`SharedCalls` is for calls that are begun without a task (the quick way), `InFlight` for those that may have to wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from gateway.federation.errors import SubgraphUnavailable
from gateway.federation.request import Answered, Call, SubgraphRequest
from gateway.federation.resilience import Guard


def sharing_key(request: SubgraphRequest) -> Hashable:
    """What makes two requests the same: never without who asks."""
    return (request.service, request.body, request.identity, tuple(sorted(request.headers.items())))


class SharedCalls:
    def __init__(self) -> None:
        self._calls: dict[Hashable, _Shared] = {}

    def begin(
        self,
        guard: Guard,
        request: SubgraphRequest,
        deadline: float,
        done: Answered,
        loop: asyncio.AbstractEventLoop,
    ) -> Call | None:
        """Joins the call under way or begins it; None when it cannot be begun without waiting."""
        key = sharing_key(request)
        known = self._calls.get(key)
        if known is None:
            known = _Shared(self._calls, key)
            call = guard.begin(request, deadline, known.finish, loop)
            if call is None:
                return None
            known.call = call
            self._calls[key] = known
        return _Seat(known, done)


class _Shared:
    def __init__(self, calls: "dict[Hashable, _Shared]", key: Hashable) -> None:
        self.call: Call | None = None
        self.seats: list[_Seat] = []
        self._calls = calls
        self._key = key

    def finish(self, answer: bytes | None, failure: BaseException | None) -> None:
        self._calls.pop(self._key, None)
        # The call and the seats refer back to this: let go, so that nothing is left for the cycle collector.
        self.call = None
        seats, self.seats = self.seats, []
        for seat in seats:
            seat.done(answer, failure)

    def leave(self, seat: "_Seat") -> None:
        if seat in self.seats:
            self.seats.remove(seat)
            if not self.seats and self.call is not None:
                self._calls.pop(self._key, None)
                call, self.call = self.call, None
                call.cancel()


class _Seat:
    """One of those who wait for a shared call."""

    def __init__(self, shared: _Shared, done: Answered) -> None:
        self.done = done
        self._shared = shared
        shared.seats.append(self)

    def cancel(self) -> None:
        self._shared.leave(self)


class InFlight:
    def __init__(self) -> None:
        self._calls: dict[Hashable, tuple[asyncio.Task[bytes], list[int]]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[bytes]]) -> bytes:
        """Joins the call under way for `key` or starts it; it is cancelled when the last waiter leaves."""
        known = self._calls.get(key)
        if known is None:
            task = asyncio.ensure_future(_run(call))
            known = self._calls[key] = (task, [0])
            task.add_done_callback(lambda done: self._forget(key, done))
        task, waiting = known
        waiting[0] += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if task.cancelled() and not (waiter is not None and waiter.cancelling()):
                raise SubgraphUnavailable("was given up") from None
            raise
        finally:
            waiting[0] -= 1
            if not waiting[0] and not task.done():
                self._forget(key, task)
                task.cancel()

    def _forget(self, key: Hashable, task: "asyncio.Task[bytes]") -> None:
        """A call has ended; by now another one may be under way for the same key."""
        known = self._calls.get(key)
        if known is not None and known[0] is task:
            del self._calls[key]


async def _run(call: Callable[[], Awaitable[bytes]]) -> bytes:
    return await call()
