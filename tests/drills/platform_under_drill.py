"""The platform as `bilhetagem up` starts it, in a process of its own, so that any part of it may be killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.home import Home, Record
from infra.local.identity import load_or_create
from infra.local.postgres import APPLICATION_ROLE

# A platform that says nothing for so long does not start any more, however busy the machine is.
_SILENCE_SECONDS = 120.0
_COMMAND = (sys.executable, "-c", "from infra.local.cli import app; app()")


@dataclass(frozen=True, slots=True)
class DrilledPlatform:
    home: Home
    process: subprocess.Popen[bytes]

    @property
    def record(self) -> Record:
        return self.home.record()

    @property
    def status(self) -> dict[str, Any]:
        return self.record.status

    def database_url(self, service: str) -> str:
        """As asyncpg takes it."""
        port = int(self.status["aws"].rpartition(":")[2]) + 1
        password = load_or_create(self.home.identity).database_password
        return f"postgresql://{APPLICATION_ROLE}:{password}@127.0.0.1:{port}/{service}"

    def pids(self) -> dict[str, int]:
        """Of the parts that run, by name."""
        return {name: part.pid for name, part in self.record.parts.items() if part.pid is not None}

    def memory_mib(self) -> dict[str, float]:
        """The proportional set size of each process of ours, in MiB, by name; what ministack started is not counted."""
        return {name: size for name, pid in self.pids().items() if (size := _proportional_mib(pid)) is not None}

    def functions(self) -> list[int]:
        """Processes that the emulator runs functions in."""
        emulator = self.pids().get("ministack")
        return [] if emulator is None else _descendants(emulator)


@contextlib.contextmanager
def platform_under_drill(directory: Path, port: int) -> Iterator[DrilledPlatform]:
    """A fresh platform, ready. Everything of it has ended after the block."""
    directory.mkdir(parents=True, exist_ok=True)
    said = directory.with_suffix(".out")
    with said.open("wb") as out:
        process = subprocess.Popen(
            [*_COMMAND, "up", "--fresh", "--home", str(directory), "--port", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, said)
        yield DrilledPlatform(Home(directory.resolve()), process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], said: Path) -> None:
    heard, since = "", time.monotonic()
    while "Ready after" not in heard:
        if process.poll() is not None:
            raise RuntimeError(f"the platform did not start:\n{said.read_text()[-2000:]}")
        now = said.read_text()
        if now != heard:
            heard, since = now, time.monotonic()
        if time.monotonic() - since > _SILENCE_SECONDS:
            raise RuntimeError(f"the platform has said nothing new for {_SILENCE_SECONDS:.0f} s:\n{heard[-2000:]}")
        time.sleep(0.2)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _proportional_mib(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), None)


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [int(child) for child in children]
    return found + [below for child in found for below in _descendants(child)]
