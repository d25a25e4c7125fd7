"""The ASGI application around ministack's: it answers a change only after the change is written down."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from infra.local.emulator.journal import Change, Journal
from infra.local.emulator.letters import Letters
from infra.local.emulator.snapshots import Snapshots, States

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

SNAPSHOT_PATH: Final = "/_bilhetagem/snapshot"
_SECONDS_BETWEEN_SNAPSHOTS: Final = 5.0
# Writing snapshots takes at most this share of one core.
_SHARE_OF_SNAPSHOTS: Final = 0.05
_GATE_SECONDS: Final = 5.0
_OK: Final = 300
_log = logging.getLogger("bilhetagem.emulator")


class DurableEmulator:
    """`states` reads ministack's services; `wake` is called once their state is loaded, before anybody is answered."""

    def __init__(
        self,
        application: Application,
        journal: Journal,
        snapshots: Snapshots,
        letters: Letters,
        states: States,
        wake: Callable[[], None],
    ) -> None:
        self._application = application
        self._journal = journal
        self._snapshots = snapshots
        self._letters = letters
        self._states = states
        self._wake = wake
        self._generation = max(snapshots.latest(), journal.latest())
        self._changes = _Gate()
        self._grew = asyncio.Event()
        self._saving = asyncio.Lock()
        self._saver: asyncio.Task[None] | None = None
        self._final = contextlib.ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == SNAPSHOT_PATH:
            saved = await self.save()
            await send({"type": "http.response.start", "status": 200 if saved else 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "http" and scope["method"] == "POST":
            await self._change(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def save(self) -> bool:
        """Takes a snapshot of this moment; True when it is written."""
        async with self._saving:
            try:
                async with self._changes.closed(_GATE_SECONDS):
                    self._generation += 1
                    self._journal.begin(self._generation)
                    pid = self._snapshots.fork(self._generation, self._states)
            except TimeoutError:
                _log.warning("No snapshot was taken: a change is under way for longer than %.0f s.", _GATE_SECONDS)
                return False
            except OSError as exc:  # no memory or no disk for it now: the journal goes on
                _log.warning("No snapshot was taken: %s.", exc)
                return False
            _, status = await asyncio.to_thread(os.waitpid, pid, 0)
            if status != 0:
                _log.error("A snapshot could not be written; the journal since the last one stays.")
                return False
            self._forget_before(self._generation)
            return True

    async def _change(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        if body is None:
            return
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        change = Change("POST", scope["path"], scope["query_string"], headers, body)
        relied_on, letter = change.is_relied_on(), self._letters.compose(change)
        if not relied_on and letter is None:
            await self._ask(scope, body, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        async with self._changes.entered():
            status = await self._ask(scope, body, receive, hold)
            if status < _OK and relied_on:
                self._journal.add(change)
                self._grew.set()
            if status < _OK and letter is not None:
                await asyncio.to_thread(self._letters.keep, letter)
        for message in held:
            await send(message)

    async def _ask(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> int:
        """Lets ministack answer a request whose body has been read; gives the status."""
        status = 0
        unread = [body]

        async def read_again() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._application(scope, read_again, note)
        return status

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def before(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._restore()
                self._saver = asyncio.create_task(self._keep_saving())
            elif message["type"] == "lifespan.shutdown.complete":
                self._final.close()
                self._forget_before(self._generation)
            await send(message)

        async def after() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._prepare_end()
            return message

        self._snapshots.use(self._snapshots.latest())
        await self._application(scope, after, before)

    async def _restore(self) -> None:
        began, done = time.monotonic(), 0
        self._wake()
        for change in self._journal.since(self._snapshots.latest()):
            await self._do_again(change)
            done += 1
        self._generation += 1
        self._journal.begin(self._generation)
        if done:
            self._grew.set()
            _log.warning("Did %d acknowledged changes again in %.1f s.", done, time.monotonic() - began)

    async def _do_again(self, change: Change) -> None:
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": change.method,
            "scheme": "http",
            "path": change.path,
            "raw_path": change.path.encode(),
            "query_string": change.query,
            "root_path": "",
            "headers": change.headers,
            "client": ("127.0.0.1", 0),
        }

        async def nothing_more() -> Message:
            return {"type": "http.disconnect"}

        async def ignore(message: Message) -> None:
            pass

        status = await self._ask(scope, change.body, nothing_more, ignore)
        if status >= _OK:
            # Usual for a conditional write that has taken effect before: its condition does not hold twice.
            _log.info("A change that was acknowledged is answered %d now: %s", status, change.header(b"x-amz-target"))

    async def _keep_saving(self) -> None:
        pause = _SECONDS_BETWEEN_SNAPSHOTS
        while True:
            await self._grew.wait()
            await asyncio.sleep(pause)
            self._grew.clear()
            began = time.monotonic()
            if not await self.save():
                self._grew.set()
            pause = max(_SECONDS_BETWEEN_SNAPSHOTS, (time.monotonic() - began) / _SHARE_OF_SNAPSHOTS)

    async def _prepare_end(self) -> None:
        """ministack saves its state once more: as the snapshot that makes every journal needless."""
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.gather(self._saver, return_exceptions=True)
        async with self._saving:
            self._generation += 1
            self._journal.begin(self._generation)
            self._final.enter_context(self._snapshots.writing(self._generation))

    def _forget_before(self, generation: int) -> None:
        self._journal.forget_before(generation)
        self._snapshots.forget_before(generation)


class _Gate:
    """Many may be inside at once; `closed` waits until nobody is, and lets nobody in meanwhile."""

    def __init__(self) -> None:
        self._inside = 0
        self._open = asyncio.Event()
        self._empty = asyncio.Event()
        self._open.set()
        self._empty.set()

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if self._inside == 0:
                self._empty.set()

    @contextlib.asynccontextmanager
    async def closed(self, seconds: float) -> AsyncIterator[None]:
        """Raises TimeoutError, and is open again, when somebody stays inside for longer than `seconds`."""
        self._open.clear()
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
            yield
        finally:
            self._open.set()


async def _whole_body(receive: Receive) -> bytes | None:
    """None when the client has gone before it was there."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
