"""One PostgreSQL server, or one ministack, shared by every process of a test run and gone with the last of them.

A keeper process (`python -m infra.local.shared <kind> <directory>`) owns the server. Each user holds a shared lock on
a file for as long as it lives; the keeper waits for the exclusive lock, which the kernel grants when the last user has
let go of it, be it by `kill -9`. So no counter can be wrong, and nothing is polled.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from infra.local import ministack
from infra.local.faults import NotReadyInTime, ProcessDied
from infra.local.patience import SILENCE_SECONDS, Patience, cpu_time, log_length
from infra.local.postgres.server import free_port, start_postgres

State = dict[str, str]


@contextlib.contextmanager
def shared_postgres(directory: Path) -> Iterator[State]:
    """Gives `{url, application_url, programs}`; `application_url` ends in the name of no database, add one.

    The server keeps nothing safe from a power cut. `directory` must be reachable by other accounts when run as root.
    """
    with _shared("postgres", directory) as state:
        yield state


@contextlib.contextmanager
def shared_ministack(directory: Path) -> Iterator[State]:
    """Gives `{endpoint}` of an emulated AWS with nothing deployed and nothing persisted."""
    with _shared("ministack", directory) as state:
        yield state


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """A lock between processes, held while the block runs."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _shared(kind: str, directory: Path) -> Iterator[State]:
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (directory / "users.lock").open("a") as users:
        with exclusive(directory / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            state = _read(directory)
            if state is None:
                state = _wait_for_state(directory, _start_keeper(kind, directory))
        yield state


def _read(directory: Path) -> State | None:
    try:
        state: State = json.loads((directory / "state.json").read_text())
    except FileNotFoundError:
        return None
    return state


def _start_keeper(kind: str, directory: Path) -> int:
    """Gives its pid."""
    (directory / "failure.txt").unlink(missing_ok=True)
    with (directory / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "infra.local.shared", kind, str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It outlives this process by design, and says so in the lock: nobody waits for it.
    keeper.returncode = 0
    return keeper.pid


def _wait_for_state(directory: Path, keeper: int) -> State:
    # The keeper, with the same patience, writes why its server does not start; this is for a keeper that cannot.
    patience = Patience(lambda: cpu_time(keeper), silence=2 * SILENCE_SECONDS)
    failure = directory / "failure.txt"
    while (state := _read(directory)) is None:
        if failure.exists() and failure.stat().st_size:
            raise ProcessDied(failure.read_text())
        if patience.is_over():
            raise NotReadyInTime(f"The shared server did not start ({patience.why}): see {directory / 'keeper.log'}.")
        time.sleep(0.02)
    return state


def _keep(kind: str, directory: Path) -> None:
    # The terminal's Ctrl-C is meant for the tests; the lock tells the keeper when they have ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        state, stop = _POSSIBLE[kind](directory)
    except BaseException as exc:
        (directory / "failure.txt").write_text(f"{type(exc).__name__}: {exc}")
        raise
    try:
        written = directory / "state.json.new"
        written.touch(mode=0o600)
        written.write_text(json.dumps(state))
        written.rename(directory / "state.json")
        with (directory / "users.lock").open("a") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            (directory / "state.json").unlink()
            stop()
    finally:
        stop()
        with contextlib.suppress(OSError):
            shutil.rmtree(directory)
            directory.parent.rmdir()


def _keep_postgres(directory: Path) -> tuple[State, Callable[[], None]]:
    server = start_postgres(directory, password=secrets.token_hex(16), durable=False)
    state = {
        "url": server.url(),
        "application_url": server.application_url(""),
        "programs": str(server.cluster.programs),
    }
    return state, server.stop


def _keep_ministack(directory: Path) -> tuple[State, Callable[[], None]]:
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    log: IO[bytes]
    with (directory / "ministack.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            ministack.command(),
            env=ministack.environment(port, directory / "ministack", persistent=False),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def stop() -> None:
        # Functions that it started are in its process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    patience = Patience(lambda: (log_length(directory / "ministack.log"), cpu_time(process.pid)))
    while not ministack.is_ready(endpoint):
        if process.poll() is not None or patience.is_over():
            stop()
            raise ProcessDied((directory / "ministack.log").read_text(errors="replace")[-500:])
        time.sleep(0.05)
    return {"endpoint": endpoint}, stop


_POSSIBLE = {"postgres": _keep_postgres, "ministack": _keep_ministack}

if __name__ == "__main__":
    _keep(sys.argv[1], Path(sys.argv[2]))
