"""Starts processes through the launcher, waits until they answer, notices when one ends, ends them all."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from infra.local.faults import LocalFault, NotReadyInTime, PortTaken, ProcessDied
from infra.local.postgres.binaries import Account

_POLL_SECONDS = 0.05
# Longer than the launcher's own patience with three ranks of processes.
_END_SECONDS = 50.0


@dataclass(slots=True)
class Process:
    name: str
    pid: int
    log: Path
    ended: asyncio.Future[int] = field(repr=False)
    expected_to_end: bool = False


class Supervisor:
    """`async with Supervisor(logs) as supervisor:` – whatever happens inside, nothing is left running after it.

    `death` becomes the first ProcessDied of a process that should have stayed.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.processes: dict[str, Process] = {}
        self.death: asyncio.Future[ProcessDied]
        self._launcher: asyncio.subprocess.Process
        self._commands: asyncio.StreamWriter
        self._messages: asyncio.StreamReader
        self._starting: dict[str, asyncio.Future[int]] = {}
        self._finite: set[str] = set()
        self._preloaded: asyncio.Future[float]
        self._listening: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.death = loop.create_future()
        self._preloaded = loop.create_future()
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
        lasting: bool = True,
    ) -> Process:
        """As `python -m module arguments` with exactly this environment. Higher ranks are ended first.

        A process that is not `lasting`, such as a migration, is meant to end: see `finish`.
        """
        command = {"op": "run", "module": module, "arguments": arguments, "environment": environment}
        return await self._start(command, name, rank, lasting)

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
        return await self._start(command, name, rank, lasting=True)

    async def finish(self, process: Process, seconds: float) -> None:
        """Waits for a process that is not lasting. Raises ProcessDied or NotReadyInTime."""
        try:
            code = await asyncio.wait_for(asyncio.shield(process.ended), seconds)
        except TimeoutError as exc:
            raise NotReadyInTime(f"{process.name} did not finish within {seconds:.0f} s: see {process.log}.") from exc
        if code != 0:
            raise ProcessDied(_obituary(process, code))

    async def ready(self, process: Process, is_ready: Callable[[], Any], seconds: float) -> None:
        """Waits until `is_ready` (a function or coroutine function) says yes.

        Raises ProcessDied when the process ends before, NotReadyInTime when it takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            answer = is_ready()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            if process.ended.done():
                raise ProcessDied(_obituary(process, process.ended.result()))
            if time.monotonic() > deadline:
                raise NotReadyInTime(f"{process.name} was not ready within {seconds:.0f} s: see {process.log}.")
            await asyncio.sleep(_POLL_SECONDS)

    async def end(self, name: str) -> None:
        """Ends one process and waits for it; the others go on."""
        process = self.processes[name]
        process.expected_to_end = True
        self._tell({"op": "end", "name": name})
        await asyncio.wait_for(asyncio.shield(process.ended), _END_SECONDS)

    async def _start(self, command: dict[str, Any], name: str, rank: int, lasting: bool) -> Process:
        earlier = self.processes.get(name)
        if earlier is not None and not earlier.ended.done():
            raise LocalFault(f"{name} runs already.")
        loop = asyncio.get_running_loop()
        log = self.logs / f"{name}.log"
        self._starting[name] = loop.create_future()
        if not lasting:
            self._finite.add(name)
        self._tell({**command, "name": name, "log": str(log), "rank": rank})
        await self._starting[name]
        return self.processes[name]

    def _tell(self, command: dict[str, Any]) -> None:
        self._commands.write(json.dumps(command).encode() + b"\n")

    async def _listen(self) -> None:
        async for line in self._messages:
            message = json.loads(line)
            if "started" in message:
                name = message["started"]
                ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                self.processes[name] = Process(
                    name, message["pid"], self.logs / f"{name}.log", ended, expected_to_end=name in self._finite
                )
                if not self._starting[name].done():  # whoever asked may have given up meanwhile
                    self._starting[name].set_result(message["pid"])
            elif "ended" in message:
                self._note_end(self.processes[message["ended"]], message["code"])
            elif not self._preloaded.done():
                self._preloaded.set_result(message["preloaded"])
        fault = ProcessDied(f"The launcher of the processes ended: see {self.logs / 'launcher.log'}.")
        unanswered: list[asyncio.Future[Any]] = [*self._starting.values(), self._preloaded]
        for waiting in unanswered:
            if not waiting.done():
                waiting.set_exception(fault)
                waiting.exception()  # nobody may be waiting; that is no fault of its own
        if not self.death.done():
            self.death.set_result(fault)

    def _note_end(self, process: Process, code: int) -> None:
        process.ended.set_result(code)
        if not process.expected_to_end and not self.death.done():
            self.death.set_result(ProcessDied(_obituary(process, code)))

    async def _end_everything(self) -> None:
        for process in self.processes.values():
            process.expected_to_end = True
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


def _obituary(process: Process, code: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"{process.name} {how}{_last_words(process.log)}; its log is {process.log}."


def _last_words(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace")[-4000:].splitlines() if line.strip()]
    except OSError:
        return ""
    return f' ("{lines[-1].strip()[:200]}")' if lines else ""
