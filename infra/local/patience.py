"""How long to wait for something that starts: for as long as it gets on, not for a fixed time.

A machine under load needs minutes for what an idle one does in seconds. So the limit is on silence: it is over when
nothing has happened for a minute. What counts as something is any value that changes, such as the length of a log.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SILENCE_SECONDS: Final = 60.0
# A program that is busy for ever gets nowhere either.
LONGEST_SECONDS: Final = 900.0


@dataclass(slots=True)
class Patience:
    """`signs()` gives any value; as long as it keeps changing within `silence` seconds, the waiting goes on."""

    signs: Callable[[], object]
    silence: float = SILENCE_SECONDS
    longest: float = LONGEST_SECONDS
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _changed: float = field(init=False)
    _last: object = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._changed = self.clock()
        self._last = self.signs()

    def is_over(self) -> bool:
        now, present = self.clock(), self.signs()
        if present != self._last:
            self._last, self._changed = present, now
        return now - self._changed > self.silence or now - self._began > self.longest

    @property
    def why(self) -> str:
        """Completes a sentence such as "It did not start: …"."""
        if self.clock() - self._began > self.longest:
            return f"it took longer than {self.longest:.0f} s"
        return f"nothing happened for {self.silence:.0f} s"


def log_length(log: Path) -> int:
    """In bytes; 0 while there is none."""
    with contextlib.suppress(OSError):
        return log.stat().st_size
    return 0


def cpu_time(pid: int) -> str:
    """What the process has used so far, in the system's own words: to be compared, not to be read; "" without one."""
    try:
        # The 14th and 15th field; the second is the name in parentheses, which may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return " ".join(fields[11:13])
    except (ProcessLookupError, FileNotFoundError):
        if Path("/proc/self").exists():
            return ""
    asked = subprocess.run(  # noqa: S603 (our own arguments)
        ["/bin/ps", "-p", str(pid), "-o", "time="], capture_output=True, text=True, timeout=5, check=False
    )
    return asked.stdout.strip()
