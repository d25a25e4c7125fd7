"""Blocking calls in threads of their own, with a bound on how many wait for one."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class LaneFull(Exception):
    """Every thread is busy and the line for one is full: nothing was begun."""


class ThreadLane:
    """`threads` calls at once, and `waiting` more that wait for a thread; whoever comes then is refused at once.

    A caller who is cancelled while waiting gives the place back at once. A call that has begun cannot be interrupted:
    it goes on to its end, and keeps its place as long as it keeps its thread.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threads + waiting
        self._taken = 0
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """How many calls run or wait."""
        return self._taken

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Raises what `function` raises, and LaneFull."""
        self._take()
        try:
            # The thread logs with the request's own ids.
            run = partial(contextvars.copy_context().run, function, *args, **kwargs)
            future: Future[R] = self._executor.submit(run)
        except BaseException:
            self._give_back()
            raise
        future.add_done_callback(self._give_back)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """What has begun goes on, what waits is cancelled."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> None:
        with self._lock:
            if self._taken >= self._places:
                raise LaneFull
            self._taken += 1

    def _give_back(self, _: Any = None) -> None:
        with self._lock:
            self._taken -= 1
