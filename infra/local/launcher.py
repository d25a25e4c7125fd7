"""The process from which all others of the platform are forked, and with which they end.

Eleven Python processes that each import the same libraries need half a minute of CPU; one that imports them once and
forks needs two seconds. A Python module is run as `python -m` would run it, with the libraries already in memory;
any other program is executed.

It is told what to do by lines of JSON on its standard input and answers on its standard output:

    {"op": "run", "name", "module", "arguments", "environment", "log", "rank"}            → {"started": name, "pid"}
    {"op": "execute", "name", "arguments", …, "directory", "account": [uid, gid] | null}  → {"started": name, "pid"}
    {"op": "preload", "modules": […]}                                                     → {"preloaded": seconds}
    {"op": "end", "name", "forced": false | true}      (true = SIGKILL)
    at the end of a process: {"ended": name, "pid", "code"}     (code as in `subprocess`: negative = signal)

When its input ends, whether closed on purpose or because the commanding process was killed, every child is ended,
those of the highest rank first. It stays single-threaded and imports nothing that makes threads: it forks.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

_TO_END = {signal.SIGINT, signal.SIGTERM}
_PATIENCE_SECONDS = {signal.SIGTERM: 12.0, signal.SIGKILL: 3.0}


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    rank: int
    # The signal with which it ends well: SIGTERM, or SIGINT for PostgreSQL's fast shutdown.
    farewell: int


class Launcher:
    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._buffer = b""
        self._awake, self._wake = os.pipe()
        for descriptor in (self._awake, self._wake):
            os.set_blocking(descriptor, False)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        # Whoever wants it to end closes its input; a signal to everybody must not break the order of the end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            while self._listen(None):
                pass
        finally:
            self._end_everything()

    def _listen(self, seconds: float | None) -> bool:
        """Waits for a command or the end of a child; False when the input has ended."""
        readable, _, _ = select.select([0, self._awake], [], [], seconds)
        if self._awake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._awake, 4096)
        self._reap()
        if 0 in readable:
            received = os.read(0, 65536)
            if not received:
                return False
            *lines, self._buffer = (self._buffer + received).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))
        return True

    def _obey(self, command: dict[str, Any]) -> None:
        match command["op"]:
            case "preload":
                began = time.monotonic()
                for module in command["modules"]:
                    importlib.import_module(module)
                gc.collect()
                gc.freeze()
                _say({"preloaded": time.monotonic() - began})
            case "run" | "execute":
                self._fork(command)
            case "end":
                for pid, child in self._children.items():
                    if child.name == command["name"]:
                        _signal_group(pid, signal.SIGKILL if command["forced"] else child.farewell)

    def _fork(self, command: dict[str, Any]) -> None:
        # Whoever hears that the process has started may read its log at once.
        os.close(os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        sys.stdout.flush()
        # A signal that comes before the child has stopped ignoring it, as this process does, waits for that.
        signal.pthread_sigmask(signal.SIG_BLOCK, _TO_END)
        pid = os.fork()
        if pid == 0:
            _become(command)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_END)
        # Both sides make the group, whoever comes first: no signal may miss it.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        self._children[pid] = Child(command["name"], command["rank"], command.get("farewell", signal.SIGTERM))
        _say({"started": command["name"], "pid": pid})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                # What the ended process had started itself ends with it.
                _signal_group(pid, signal.SIGKILL)
                _say({"ended": child.name, "pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _end_everything(self) -> None:
        for rank in sorted({child.rank for child in self._children.values()}, reverse=True):
            for last_resort in (False, True):
                leaving = [pid for pid, child in self._children.items() if child.rank == rank]
                for pid in leaving:
                    _signal_group(pid, signal.SIGKILL if last_resort else self._children[pid].farewell)
                patience = _PATIENCE_SECONDS[signal.SIGKILL if last_resort else signal.SIGTERM]
                deadline = time.monotonic() + patience
                while any(pid in self._children for pid in leaving) and time.monotonic() < deadline:
                    select.select([self._awake], [], [], 0.05)
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._awake, 4096)
                    self._reap()


def _become(command: dict[str, Any]) -> NoReturn:
    """The child's side of the fork: never returns to the launcher's code."""
    code = 1
    try:
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_END)
        # What the platform keeps is for its owner alone, whatever the terminal's own mask.
        os.umask(0o077)
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.closerange(3, 256)
        if command["op"] == "execute":
            _execute(command)
        code = _run(command)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _execute(command: dict[str, Any]) -> NoReturn:
    os.chdir(command["directory"])
    if command.get("account"):
        uid, gid = command["account"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.execve(command["arguments"][0], command["arguments"], command["environment"])  # noqa: S606


def _run(command: dict[str, Any]) -> int:
    import atexit

    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = [command["module"], *command["arguments"]]
    try:
        runpy.run_module(command["module"], run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return exc.code or 0
        sys.stderr.write(f"{exc.code}\n")
        return 1
    finally:
        atexit._run_exitfuncs()
    return 0


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _say(message: dict[str, Any]) -> None:
    # The commanding process may be gone already: then there is nobody to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    Launcher().serve()
