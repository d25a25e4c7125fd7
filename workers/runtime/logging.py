"""One JSON object a line on standard output, as CloudWatch Logs and people with `jq` read it."""

import sys
from datetime import UTC, datetime

import msgspec


def log(event: str, /, *, level: str = "info", **fields: object) -> None:
    """`event` is what happened, in the past tense (`execution_started`). Fields hold ids, never personal data."""
    line = {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
    # One write: lines of a process never mix.
    sys.stdout.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
    sys.stdout.flush()
