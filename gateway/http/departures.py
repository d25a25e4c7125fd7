"""Clients that go away while they wait for an answer: what is done for them is given up."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from gateway.http.asgi import Receive
from gateway.http.refusals import ClientGone
from gateway.http.streaming import wait_until_gone

_TICK_SECONDS: Final = 0.05
# Seen waiting this many times, a client is one that may lose patience.
_LONG: Final = 2


class Departures:
    """Watches the clients of requests that take long: most are answered before anybody looks, and cost nothing."""

    def __init__(self) -> None:
        self._watches: set[_Watch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watching(self, receive: Receive, may_stop: Callable[[], bool]) -> "_Watch":
        """A block in which the running task is cancelled when the client goes away; ClientGone then leaves it.

        `may_stop` is asked once, of what takes long: something begun may have to be brought to its end.
        """
        return _Watch(self, receive, may_stop)

    def add(self, watch: "_Watch", loop: asyncio.AbstractEventLoop) -> None:
        self._watches.add(watch)
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(_TICK_SECONDS, self._tick)

    def remove(self, watch: "_Watch") -> None:
        self._watches.discard(watch)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_TICK_SECONDS, self._tick) if self._watches else None
        for watch in self._watches:
            watch.grow_older()


class _Watch:
    __slots__ = ("_departures", "_gone", "_listening", "_may_stop", "_receive", "_seen", "_task")

    def __init__(self, departures: Departures, receive: Receive, may_stop: Callable[[], bool]) -> None:
        self._departures = departures
        self._receive = receive
        self._may_stop = may_stop
        self._task: asyncio.Task[Any] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._seen = 0
        self._gone = False

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        if task is not None:
            self._departures.add(self, task.get_loop())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._departures.remove(self)
        if self._listening is not None:
            self._listening.cancel()
        if self._gone and self._task is not None and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ClientGone from error

    def grow_older(self) -> None:
        """Listens for the client when it is seen waiting for the second time."""
        self._seen += 1
        if self._seen == _LONG and self._may_stop():
            self._listening = asyncio.ensure_future(wait_until_gone(self._receive))
            self._listening.add_done_callback(self._heard)

    def _heard(self, listening: "asyncio.Task[None]") -> None:
        if not listening.cancelled() and listening.exception() is None and self._task is not None:
            self._gone = True
            self._task.cancel()
