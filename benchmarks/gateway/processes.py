"""Processes pinned to one core each, and what the kernel says of them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.local.services import GATEWAY_HTTP

ROOT: Final = Path(__file__).resolve().parents[2]
GATEWAY_CORE: Final = 1
LOAD_CORE: Final = 0
_START_SECONDS: Final = 30
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A process ended or did not listen in time; the text has what it printed."""


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def pinned(core: int, command: list[str]) -> list[str]:
    """`command` as it runs on one core."""
    return ["taskset", "-c", str(core), *command]


class Process:
    """One server with its children, from `start` until `stop`."""

    def __init__(self, name: str, command: list[str], port: int, log: Path, *, core: int) -> None:
        self.name, self.port = name, port
        self._command, self._log, self._core = command, log, core
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, without waiting."""
        with self._log.open("wb") as log:
            self._running = subprocess.Popen(
                pinned(self._core, self._command),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it listens. Raises DidNotStart."""
        assert self._running is not None
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._running.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise DidNotStart(f"{self.name}: {self._log.read_text('utf-8', 'replace')[-2000:]}")

    def stop(self) -> None:
        """End it and its children."""
        running, self._running = self._running, None
        if running is None or running.poll() is not None:
            return
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def cpu_seconds(self) -> float:
        """CPU time so far, of the kernel included, of the process and of its children."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        return ticks / _TICKS

    def peak_mb(self) -> float:
        """The most resident memory that it had, its children's peaks being added."""
        return sum(_status_kb(pid, "VmHWM") for pid in self._pids()) / 1024

    def _pids(self) -> list[int]:
        assert self._running is not None
        found = [self._running.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found.extend(int(child) for child in task.read_text().split())
        return found


def _status_kb(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def resident_mb() -> float:
    """This process's resident memory."""
    return _status_kb(os.getpid(), "VmRSS") / 1024


def uvicorn(app: str, port: int) -> list[str]:
    """The command that serves an ASGI application as the platform serves the gateway."""
    options = ["--loop", "uvloop", "--http", GATEWAY_HTTP, "--no-access-log"]
    options += ["--log-level", "warning", "--no-server-header", "--no-proxy-headers"]
    return [
        *(sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)),
        *(*options, "--lifespan", "off"),
    ]


def post(url: str, body: bytes) -> bytes:
    """One request's answer, whatever its status."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as refused:
        content = refused.read()
    return content
