"""`make bench-gateway`: every contender in turn under the same load, in one run.

ARGS="--quick" runs one short round; `--only ours,by-hand` runs some of the contenders, `--operation heavy` one of the
operations, `--profile FILE` adds where this gateway's CPU time goes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.gateway import load
from benchmarks.gateway.contenders import CONTENDERS, OURS, Contender, install_peers, start_subgraphs
from benchmarks.gateway.operations import OPERATIONS, Operation
from benchmarks.gateway.processes import GATEWAY_CORE, LOAD_CORE, ROOT, DidNotStart, Process, pinned, post
from benchmarks.gateway.report import Alone, machine, print_added, print_cold, print_table

_CONNECTIONS: Final = 32
_VERIFIED: Final = 3


@dataclass(slots=True)
class Measured:
    """One contender over all rounds of one operation."""

    contender: Contender
    process: Process
    length: int = 0
    rates: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    errors: int = 0
    peak_mb: float = 0
    one_client: float = 0
    wrong: bool = False

    @property
    def url(self) -> str:
        return self.process.url + self.contender.path

    @property
    def rate(self) -> float:
        """Requests per CPU-second: the median of the rounds."""
        return median(self.rates)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-gateway")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s and nothing else but the table")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", help=f"some of: {','.join(one.key for one in CONTENDERS)}")
    parser.add_argument("--operation", choices=sorted(OPERATIONS))
    parser.add_argument("--profile", type=Path, help="write this gateway's cProfile of both operations there")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.warm = 1 if options.quick else options.seconds or 5
    options.seconds = options.seconds or (2 if options.quick else 5)
    return options


def main() -> int:
    options = _parse()
    missing = load.missing()
    if missing is not None:
        print(missing, file=sys.stderr)
        return 2
    chosen = [one for one in CONTENDERS if options.only is None or one.key in options.only.split(",")]
    operations = [one for one in OPERATIONS.values() if options.operation in (None, one.name)]
    if any(one.peer for one in chosen):
        install_peers()
    print(machine(), flush=True)
    wrong = False
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        subgraphs = start_subgraphs(folder, LOAD_CORE)
        stack.callback(subgraphs.stop)
        for operation in operations:
            wrong |= _measure(operation, chosen, subgraphs, folder, options)
        if options.profile is not None:
            for number, operation in enumerate(operations):
                _profile(operation, subgraphs.url, options.profile, append=number > 0)
    if not options.quick and options.only is None:
        print_cold(_cold())
    return 1 if wrong else 0


def _measure(
    operation: Operation,
    contenders: Sequence[Contender],
    subgraphs: Process,
    folder: Path,
    options: argparse.Namespace,
) -> bool:
    """All contenders on one operation. True when one of them answered wrongly."""
    rows: list[Measured] = []
    with ExitStack() as stack:
        for contender in contenders:
            process = contender.start(operation, subgraphs.url, folder)
            stack.callback(process.stop)
            rows.append(Measured(contender, process))
        for row in rows:
            try:
                row.process.wait()
            except DidNotStart as fault:
                print(f"{row.contender.title} did not start: {fault}", file=sys.stderr)
                row.wrong = True
        answer = _verify(operation, rows, 0)
        right = [row for row in rows if not row.wrong]
        for row in right:
            _warm(row, operation, options.warm)
        for _ in range(options.rounds):
            for row in right:
                _round(row, operation, options.seconds)
        for row in right:
            row.peak_mb = row.process.peak_mb()
        _verify(operation, rows, _VERIFIED)
        added = None if options.quick else _added(operation, right, subgraphs, options.seconds)
    print_table(operation, right, answer)
    if added is not None:
        print_added(right, added)
    failures = json.loads(post(subgraphs.url + "/failures", b"{}"))["failures"]
    if failures:
        print(f"\nThe subgraphs gave {failures} different answers with errors.", file=sys.stderr)
    return any(row.wrong or row.errors for row in rows) or failures > 0


def _verify(operation: Operation, rows: Sequence[Measured], first: int) -> bytes:
    """The answer that all give, and no complaint; who answers otherwise is marked as wrong, and is not measured."""
    expected: Any = None
    right = b""
    for row in rows:
        if row.wrong:
            continue
        for number in range(first, first + _VERIFIED):
            body = post(row.url, operation.body(number))
            answer = json.loads(body)
            expected = answer if expected is None else expected
            if answer != expected or "errors" in answer or not answer.get("data"):
                print(f"{row.contender.title} answers otherwise: {body[:600]!r}", file=sys.stderr)
                row.wrong = True
                break
            row.length, right = len(body), body
    return right


def _warm(row: Measured, operation: Operation, seconds: int) -> None:
    """Rounds that do not count, four at most, until `seconds` of CPU time went into what is compiled as it runs."""
    until = row.process.cpu_seconds() + seconds
    for _ in range(4):
        load.drive(row.url, operation.body(0), seconds=seconds, connections=_CONNECTIONS, length=row.length)
        if row.process.cpu_seconds() >= until - 0.1 * seconds:
            break


def _round(row: Measured, operation: Operation, seconds: int) -> None:
    before = row.process.cpu_seconds()
    seen = load.drive(row.url, operation.body(0), seconds=seconds, connections=_CONNECTIONS, length=row.length)
    spent = row.process.cpu_seconds() - before
    row.rates.append(seen.requests / spent)
    row.per_second.append(seen.requests / seen.seconds)
    row.p50.append(seen.p50)
    row.p99.append(seen.p99)
    row.errors += seen.errors


def _added(operation: Operation, rows: Sequence[Measured], subgraphs: Process, seconds: int) -> Alone | None:
    """p50 at one client for each row, and of the slowest path through the subgraphs alone, which is given."""
    ours = next((row for row in rows if row.contender.key == OURS), None)
    if ours is None:
        return None
    seconds = min(seconds, 2)
    post(subgraphs.url + "/capture/on", b"{}")
    post(ours.url, operation.body(0))
    fetches = json.loads(post(subgraphs.url + "/capture/off", b"{}"))
    alone = Alone(*(_path(fetches, subgraphs.url, seconds, core) for core in (GATEWAY_CORE, LOAD_CORE)))
    for row in rows:
        seen = load.drive(row.url, operation.body(0), seconds=seconds, connections=1, length=row.length)
        row.one_client = seen.p50
    return alone


def _path(fetches: list[dict[str, Any]], subgraphs: str, seconds: int, core: int) -> float:
    """The sum over the rounds of the slowest fetch in each (p50, ms), sent by one client on that core."""
    path: dict[int, float] = {}
    for fetch in fetches:
        body = fetch["body"].encode()
        seen = load.drive(subgraphs + fetch["path"], body, seconds=seconds, connections=1, length=0, core=core)
        path[fetch["round"]] = max(path.get(fetch["round"], 0), seen.p50)
    return sum(path.values())


def _cold() -> dict[str, Any]:
    """Compile times and memory, each in a process of its own."""
    found: dict[str, Any] = {}
    for what in ("compile", "memory"):
        command = pinned(1, [sys.executable, "-m", "benchmarks.gateway.cold", what])
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        if ran.returncode != 0:
            raise RuntimeError(ran.stderr[-2000:])
        found[what] = json.loads(ran.stdout)
    return found


def _profile(operation: Operation, subgraphs: str, file: Path, *, append: bool) -> None:
    command = pinned(1, [sys.executable, "-m", "benchmarks.gateway.profiled", operation.name, subgraphs])
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    with file.open("a" if append else "w", encoding="utf-8") as out:
        out.write(ran.stdout + ran.stderr)


if __name__ == "__main__":
    sys.exit(main())
