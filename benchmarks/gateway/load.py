"""wrk, pinned beside the subgraphs, with a script that gives every request a variable of its own."""

import itertools
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.gateway.operations import tag
from benchmarks.gateway.processes import LOAD_CORE, pinned

_SCRIPT: Final = Path(__file__).parent / "load.lua"
_MARK: Final = tag(0)
# Each run of wrk counts on from here, so that no request is like one of an earlier run.
_starts = itertools.count(1_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. Times are in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


def missing() -> str | None:
    """What must be installed first, in words; None when all is there."""
    if shutil.which("wrk") is None:
        return "wrk was not found: `apt-get install wrk` (a package of Debian) brings it."
    if shutil.which("taskset") is None:
        return "taskset was not found: it is in Debian's package util-linux."
    return None


def drive(url: str, body: bytes, *, seconds: int, connections: int, length: int, core: int = LOAD_CORE) -> Load:
    """Send `body` with ever new tags. Answers of another length than `length` (where not 0) count as errors."""
    before, _, after = body.decode().partition(_MARK.removeprefix("tag-"))
    if not after:  # a body without a tag is given one where nobody reads it
        before, after = body.decode()[:-1] + ',"extensions":{"tag":"tag-', '"}}'
    ran = subprocess.run(
        pinned(
            core,
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT), url),
                *("--", before, after, str(next(_starts)), str(length)),
            ],
        ),
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )
    lines = [line.removeprefix("RESULT ") for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk failed: {ran.stdout[-500:]} {ran.stderr[-500:]}")
    seen = json.loads(lines[0])
    return Load(
        requests=seen["requests"],
        seconds=seen["micros"] / 1e6,
        p50=seen["p50"] / 1e3,
        p99=seen["p99"] / 1e3,
        errors=seen["wrong"] + seen["broken"],
    )
