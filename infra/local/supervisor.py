"""Starts processes through the launcher, waits until they answer, tells when one ends, ends them all."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

from infra.local.faults import LocalFault, NotReadyInTime, PortTaken, ProcessDied
from infra.local.patience import SILENCE_SECONDS, Patience, cpu_time, log_length
from infra.local.postgres.binaries import Account

_POLL_SECONDS = 0.05
# Longer than the launcher's own patience with three ranks of processes.
_END_SECONDS = 50.0


class Readiness(Enum):
    SILENT = "nobody answers"
    ANSWERS = "it answers that it is not ready"
    READY = "ready"


@dataclass(slots=True)
class Process:
    """`ended` becomes the exit status, negative for a signal."""

    name: str
    pid: int
    log: Path
    ended: asyncio.Future[int] = field(repr=False)


class Supervisor:
    """`async with Supervisor(logs) as supervisor:` – whatever happens inside, nothing is left running after it.

    `death` becomes why all of it must end: the launcher has ended, or somebody called `give_up`.
    `farewell_seconds` is what one process may take to end well before it is killed.
    """

    def __init__(self, logs: Path, farewell_seconds: float = 12.0) -> None:
        self.logs = logs
        self.farewell_seconds = farewell_seconds
        self.processes: dict[str, Process] = {}
        self.death: asyncio.Future[LocalFault]
        self._launcher: asyncio.subprocess.Process
        self._commands: asyncio.StreamWriter
        self._messages: asyncio.StreamReader
        self._starting: dict[str, asyncio.Future[int]] = {}
        self._preloaded: asyncio.Future[float]
        self._listening: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.death = loop.create_future()
        self._preloaded = loop.create_future()
        (self.logs / "launcher.log").touch(mode=0o600)
        with (self.logs / "launcher.log").open("ab") as log:
            self._launcher = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "infra.local.launcher",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # Not reached by the terminal's Ctrl-C: this side decides when and in which order things end.
                start_new_session=True,
            )
        if self._launcher.stdin is None or self._launcher.stdout is None:
            raise LocalFault("The launcher of the processes has no pipes.")
        self._commands, self._messages = self._launcher.stdin, self._launcher.stdout
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        ending = asyncio.ensure_future(self._end_everything())
        # A second Ctrl-C must not leave half of the processes behind.
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ending)
        ending.result()

    async def preload(self, modules: Iterable[str]) -> float:
        """Imports libraries into the launcher before it forks modules; gives the seconds it took."""
        self._tell({"op": "preload", "modules": list(modules)})
        return await self._preloaded

    async def run_module(
        self,
        name: str,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        *,
        rank: int = 2,
    ) -> Process:
        """As `python -m module arguments` with exactly this environment. Higher ranks are ended first."""
        command = {"op": "run", "module": module, "arguments": arguments, "environment": environment}
        return await self._start(command, name, rank)

    async def execute(
        self,
        name: str,
        arguments: list[str],
        environment: dict[str, str],
        *,
        rank: int,
        account: Account | None = None,
        farewell: signal.Signals = signal.SIGTERM,
    ) -> Process:
        command = {
            "op": "execute",
            "arguments": arguments,
            "environment": environment,
            "directory": "/",
            "account": None if account is None else [account.uid, account.gid],
            "farewell": int(farewell),
        }
        return await self._start(command, name, rank)

    async def finish(self, process: Process, silence: float = SILENCE_SECONDS) -> None:
        """Waits for a process that is meant to end, such as a migration. Raises ProcessDied or NotReadyInTime."""
        patience = Patience(lambda: (log_length(process.log), cpu_time(process.pid)), silence)
        while not process.ended.done():
            if patience.is_over():
                raise NotReadyInTime(f"{process.name} did not finish ({patience.why}): see {process.log}.")
            await asyncio.wait((process.ended,), timeout=_POLL_SECONDS)
        if code := process.ended.result():
            raise ProcessDied(obituary(process, code))

    async def ready(
        self, process: Process, readiness: Callable[[], Readiness], silence: float = SILENCE_SECONDS
    ) -> None:
        """Waits until `readiness`, which is called on a thread, says READY.

        Raises ProcessDied when the process ends before, NotReadyInTime when nothing has happened for `silence` seconds.
        A process that answers already uses its CPU to answer us: then only its log tells that it gets on.
        """
        said = Readiness.SILENT
        patience = Patience(
            lambda: (said, log_length(process.log), cpu_time(process.pid) if said is Readiness.SILENT else None),
            silence,
        )
        while True:
            said = await asyncio.to_thread(readiness)
            if process.ended.done():
                raise ProcessDied(obituary(process, process.ended.result()))
            if said is Readiness.READY:
                return
            if patience.is_over():
                raise NotReadyInTime(f"{process.name} does not get ready ({patience.why}): see {process.log}.")
            await asyncio.wait((process.ended,), timeout=_POLL_SECONDS)

    async def end(self, name: str) -> None:
        """Ends one process, if it runs, and waits for that; the others go on."""
        starting = self._starting.get(name)
        if starting is not None:
            await asyncio.wait((starting,))
        process = self.processes.get(name)
        if process is None or process.ended.done():
            return
        for forced, patience in ((False, self.farewell_seconds), (True, _END_SECONDS)):
            self._tell({"op": "end", "name": name, "forced": forced})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.ended), patience)
                return
        raise NotReadyInTime(f"{name} (process {process.pid}) does not end.")

    def give_up(self, fault: LocalFault) -> None:
        """Makes `fault` the reason for which everything ends, unless there is one already."""
        if not self.death.done():
            self.death.set_result(fault)

    async def _start(self, command: dict[str, Any], name: str, rank: int) -> Process:
        earlier = self.processes.get(name)
        if earlier is not None and not earlier.ended.done():
            raise LocalFault(f"{name} runs already.")
        if self._listening.done():
            raise ProcessDied(f"{name} cannot be started: the launcher of the processes has ended.")
        log = self.logs / f"{name}.log"
        self._starting[name] = starting = asyncio.get_running_loop().create_future()
        self._tell({**command, "name": name, "log": str(log), "rank": rank})
        # Whoever asked may give up meanwhile; the process starts all the same, and `end` waits for that.
        await asyncio.shield(starting)
        return self.processes[name]

    def _tell(self, command: dict[str, Any]) -> None:
        self._commands.write(json.dumps(command).encode() + b"\n")

    async def _listen(self) -> None:
        async for line in self._messages:
            message = json.loads(line)
            if "started" in message:
                name = message["started"]
                ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                self.processes[name] = Process(name, message["pid"], self.logs / f"{name}.log", ended)
                self._starting[name].set_result(message["pid"])
            elif "ended" in message:
                self.processes[message["ended"]].ended.set_result(message["code"])
            elif not self._preloaded.done():
                self._preloaded.set_result(message["preloaded"])
        fault = ProcessDied(f"The launcher of the processes ended: see {self.logs / 'launcher.log'}.")
        unanswered: list[asyncio.Future[Any]] = [*self._starting.values(), self._preloaded]
        for waiting in unanswered:
            if not waiting.done():
                waiting.set_exception(fault)
                waiting.exception()  # nobody may be waiting; that is no fault of its own
        self.give_up(fault)

    async def _end_everything(self) -> None:
        self._commands.close()
        try:
            await asyncio.wait_for(self._launcher.wait(), _END_SECONDS)
        except TimeoutError:
            self._launcher.kill()
            await self._launcher.wait()
        # Also when the launcher itself was killed: its children are known by their groups.
        for process in self.processes.values():
            if not process.ended.done():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        await self._listening


def check_ports(ports: dict[str, int]) -> None:
    """Raises PortTaken for the first port of {name: port} on which somebody listens already."""
    for name, port in ports.items():
        with socket.socket() as probe:
            # As servers do: a port in TIME_WAIT is free, one with a listener is not.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as exc:
                raise PortTaken(
                    f"Port {port}, meant for {name}, cannot be used ({exc.strerror}): "
                    "end what listens there or choose another --port."
                ) from exc
            except OverflowError as exc:
                raise PortTaken(f"There is no port {port}, meant for {name}: choose a lower --port.") from exc


def obituary(process: Process, code: int) -> str:
    """The sentence about the end of a process, with the last line of its log."""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"{process.name} {how}{_last_words(process.log)}; its log is {process.log}."


def _last_words(log: Path) -> str:
    try:
        lines = [line for line in _end_of(log).splitlines() if line.strip()]
    except OSError:
        return ""
    return f' ("{_said(lines[-1].strip())[:200]}")' if lines else ""


def _end_of(log: Path, most: int = 64_000) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - most))
        return file.read().decode(errors="replace")


def _said(line: str) -> str:
    """Of a line of our own logs, which are JSON, the event and the last line of its exception."""
    try:
        entry = json.loads(line)
        *_, raised = str(entry.get("exception", "")).strip().split("\n")
        return f"{entry['event']}: {raised}" if raised else str(entry["event"])
    except (ValueError, KeyError, AttributeError):
        return line
