"""The parts of the platform that run for as long as it does: one that dies is started again, as ECS would.

The first start is another matter: what cannot start at all (it dies five times in a row, or its folder cannot be used)
ends the platform, and the person at the keyboard reads why.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from infra.local.faults import LocalFault, NotReadyInTime, ProcessDied
from infra.local.supervisor import Process, Supervisor, obituary

_FIRST_DELAY_SECONDS: Final = 0.2
_LONGEST_DELAY_SECONDS: Final = 10.0
# A part that was ready for this long starts with the first delay again.
_STEADY_SECONDS: Final = 30.0
_DEATHS_AT_THE_START: Final = 5
_WORD_SECONDS: Final = 1.0


class State(StrEnum):
    STARTING = "STARTING"
    READY = "READY"
    WAITING = "WAITING"
    """It died, and will be started again after a delay."""
    STOPPED = "STOPPED"


class PartStatus(msgspec.Struct, frozen=True):
    """What `bilhetagem status` shows of a part: `last_death` is one sentence."""

    state: State
    since: datetime
    pid: int | None
    restarts: int
    last_death: str | None


def delay_seconds(deaths_in_a_row: int) -> float:
    """0.2, 0.4, 0.8 … 10 s: doubled with every death, the first being number 1."""
    doublings = min(deaths_in_a_row - 1, 20)
    return min(_FIRST_DELAY_SECONDS * 2.0**doublings, _LONGEST_DELAY_SECONDS)


@dataclass(slots=True, eq=False)
class Part:
    """`begin` starts the process; `make_ready` waits until it answers and does what must be done after every start.

    `tell` hears of every change of state, with a sentence for people where there is something to say.
    """

    name: str
    supervisor: Supervisor
    begin: Callable[[], Awaitable[Process]]
    make_ready: Callable[[Process], Awaitable[object]]
    tell: Callable[[str | None], None] = lambda sentence: None
    _state: State = State.STOPPED
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _process: Process | None = None
    _restarts: int = 0
    _deaths_in_a_row: int = 0
    _was_ready: bool = False
    _last_death: str | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _keeping: asyncio.Task[None] | None = None

    @property
    def status(self) -> PartStatus:
        process = self._process
        pid = process.pid if process is not None and not process.ended.done() else None
        return PartStatus(self._state, self._since, pid, self._restarts, self._last_death)

    async def start(self) -> None:
        """Starts it, waits until it is ready, and keeps it running from then on.

        Raises a LocalFault when it cannot start at all; then nothing of it runs on.
        """
        if self._keeping is not None and not self._keeping.done():
            raise LocalFault(f"{self.name} runs already.")
        self._ready.clear()
        self._was_ready, self._deaths_in_a_row = False, 0
        self._keeping = keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")
        keeping.add_done_callback(self._note_end_of_keeping)
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait((ready, keeping), return_when=asyncio.FIRST_COMPLETED)
            if not self._ready.is_set():
                keeping.result()
        except BaseException:
            await self.release()
            raise
        finally:
            ready.cancel()

    async def stop(self) -> None:
        """Ends it on purpose: it is not started again until `start`."""
        await self.release()
        await self.supervisor.end(self.name)
        self._enter(State.STOPPED)

    async def release(self) -> None:
        """Lets the process run, or not, as it may: nobody starts it again."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._keeping

    async def _keep(self) -> None:
        while True:
            try:
                await self._run_until_death()
            except LocalFault as fault:
                self._deaths_in_a_row += 1
                self._last_death = str(fault)
                if not self._was_ready and self._cannot_start(fault):
                    self._enter(State.STOPPED)
                    raise
            self._restarts += 1
            delay = delay_seconds(self._deaths_in_a_row)
            self._enter(State.WAITING, f"{self._last_death} It is started again in {delay:.1f} s.")
            # What lives without being of use, such as a service that never gets ready, makes room for the next one.
            await self.supervisor.end(self.name)
            await asyncio.sleep(delay)

    def _cannot_start(self, fault: LocalFault) -> bool:
        return not isinstance(fault, ProcessDied) or self._deaths_in_a_row >= _DEATHS_AT_THE_START

    async def _run_until_death(self) -> None:
        """Raises a LocalFault: that it died, or why it could not be made ready."""
        self._enter(State.STARTING)
        self._process = process = await self.begin()
        await self._make_ready(process)
        self._enter(State.READY, f"{self.name} is ready again." if self._was_ready else None)
        self._was_ready = True
        self._ready.set()
        ready_since = asyncio.get_running_loop().time()
        code = await asyncio.shield(process.ended)
        if asyncio.get_running_loop().time() - ready_since >= _STEADY_SECONDS:
            self._deaths_in_a_row = 0
        raise ProcessDied(obituary(process, code))

    def _enter(self, state: State, sentence: str | None = None) -> None:
        self._state, self._since = state, datetime.now(UTC)
        self.tell(sentence)

    async def _make_ready(self, process: Process) -> None:
        """Whatever goes wrong meanwhile (a database client's or AWS client's own errors) is a LocalFault here."""
        try:
            await self.make_ready(process)
        except Exception as exc:
            # The word of its end comes from the launcher, maybe a little later than the error that it caused.
            await asyncio.wait((process.ended,), timeout=_WORD_SECONDS)
            if process.ended.done():
                raise ProcessDied(obituary(process, process.ended.result())) from exc
            if isinstance(exc, LocalFault):
                raise
            raise NotReadyInTime(f"{self.name} could not be made ready ({exc!r}): see {process.log}.") from exc

    def _note_end_of_keeping(self, keeping: asyncio.Task[None]) -> None:
        """After the first start only a fault of ours ends the keeping: then nobody looks after the part any more."""
        if keeping.cancelled() or not self._was_ready:
            return
        fault = keeping.exception()
        self.supervisor.give_up(ProcessDied(f"{self.name} is not looked after any more ({fault!r})."))
