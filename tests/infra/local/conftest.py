"""Places and processes that tests of the local platform share."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place(test_run_directory: Path) -> Iterator[Path]:
    """An absent folder of one's own that PostgreSQL's account can reach (pytest's own are closed to others)."""
    test_run_directory.mkdir(mode=0o711, exist_ok=True)
    path = test_run_directory / f"place-{os.getpid()}-{time.monotonic_ns()}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def gone() -> object:
    """`gone(pid, seconds)` waits for the end of a process and says whether it came."""
    return gone_within
