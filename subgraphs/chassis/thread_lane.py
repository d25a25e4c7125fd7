"""A lane: a few threads for work that would hold up the event loop, and a bounded queue before them.

The queue is on the event loop's side, so that work whose caller has gone is dropped before it begins. Work that a
thread has begun is brought to its end, and its place is free only then: what counts is what the machine still does.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LaneFull(Exception):
    """So many wait already that this one would wait too long. Nothing was begun."""


class ThreadLane:
    """``threads`` at once, ``waiting`` more in line. ``niceness`` (0 to 19) lets everything else go first.

    It belongs to no event loop: a Lambda runs each invocation in a new one.
    """

    def __init__(self, name: str, threads: int, waiting: int, *, niceness: int = 0) -> None:
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=partial(_be_nice, niceness) if niceness else None
        )
        self._threads = self._free = threads
        self._waiting_most = waiting
        self._line: deque[asyncio.Future[None]] = deque()
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        return self._threads - self._free

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def taken(self) -> int:
        """What runs and what waits."""
        return self.running + self.waiting

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args, **kwargs)`` in a thread, with the caller's context variables. Raises ``LaneFull``."""
        await self._take()
        try:
            work = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
            future = self._executor.submit(work)
        except BaseException:
            self._give_back()
            raise
        future.add_done_callback(self._give_back)
        return await asyncio.wrap_future(future)

    async def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._line) >= self._waiting_most:
                raise LaneFull
            turn = asyncio.get_running_loop().create_future()
            self._line.append(turn)
        try:
            await turn
        except BaseException:
            with self._lock:
                still_waits = turn in self._line
                if still_waits:
                    self._line.remove(turn)
            if not still_waits:  # the place was handed over just before the caller left
                self._give_back()
            raise

    def _give_back(self, _done: Future[Any] | None = None) -> None:
        """To the first in line. Runs in whichever thread has finished."""
        with self._lock:
            while self._line:
                turn = self._line.popleft()
                with suppress(RuntimeError):  # that loop is closed, and the caller with it
                    turn.get_loop().call_soon_threadsafe(_call_up, turn)
                    return
            self._free += 1

    def close(self) -> None:
        """Take no more work. What threads have begun they finish, and are not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _call_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def _be_nice(niceness: int) -> None:
    """Linux schedules threads, not processes; threads that this one starts (argon2's lanes) inherit it."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
