"""Instants as state machines can calculate with them."""

from datetime import UTC, datetime, timedelta

from workers.runtime.errors import PermanentFault


def to_the_second(instant: str) -> str:
    """RFC 3339 in any offset and precision → `2026-11-24T21:30:00Z`, rounded up: a wait never ends too early.

    Raises PermanentFault for anything else, also for a time without an offset.
    """
    try:
        parsed = datetime.fromisoformat(instant)
    except ValueError as exc:
        raise PermanentFault(f"{instant!r} is not an RFC 3339 date-time") from exc
    if parsed.tzinfo is None:
        raise PermanentFault(f"{instant!r} has no offset")
    if parsed.microsecond:
        parsed = parsed.replace(microsecond=0) + timedelta(seconds=1)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
