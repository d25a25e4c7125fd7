"""A lane: a few threads for work that would hold up the event loop, and a bounded queue before them.

The queue is on the event loop's side, so that work whose caller has gone is dropped before it begins. Work that a
thread has begun is brought to its end, and its place is free only then: what counts is what the machine still does.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LaneFull(Exception):
    """So many wait already that this one would wait too long. Nothing was begun."""


class ThreadLane:
    """``threads`` at once, ``waiting`` more in line. ``niceness`` (0 to 19) lets everything else go first."""

    def __init__(self, name: str, threads: int, waiting: int, *, niceness: int = 0) -> None:
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=partial(_be_nice, niceness) if niceness else None
        )
        self._slots = asyncio.Semaphore(threads)
        self._waiting_most = waiting
        self.waiting = 0
        self.running = 0

    @property
    def taken(self) -> int:
        """What runs and what waits."""
        return self.running + self.waiting

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args, **kwargs)`` in a thread, with the caller's context variables. Raises ``LaneFull``."""
        if self.waiting >= self._waiting_most and self._slots.locked():
            raise LaneFull
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        work = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
        try:
            future = self._executor.submit(work)
        except BaseException:
            self._left()
            raise
        future.add_done_callback(partial(self._done, asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def _done(self, loop: asyncio.AbstractEventLoop, _future: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for a place any more
            loop.call_soon_threadsafe(self._left)

    def _left(self) -> None:
        self.running -= 1
        self._slots.release()

    def close(self) -> None:
        """Take no more work. What threads have begun they finish, and are not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _be_nice(niceness: int) -> None:
    """Linux schedules threads, not processes; threads that this one starts (argon2's lanes) inherit it."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
