"""What values of the public schema's scalars can be, as far as nobody has to be asked for it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

_ID_LONGEST: Final = 200


def check_date(value: Any) -> None:
    """Raises ValueError, as all of these do."""
    if not isinstance(value, str):
        raise ValueError("a date is a text such as 1990-12-31.")
    try:
        date.fromisoformat(value)
    except ValueError as exc:
        raise ValueError("there is no such date; write it as 1990-12-31.") from exc


def check_date_time(value: Any) -> None:
    """An instant has to exist in UTC as well: an offset may lead out of the calendar."""
    if not isinstance(value, str):
        raise ValueError("a date with time is a text such as 2026-12-31T20:00:00-03:00.")
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is not None:
            instant.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ValueError("there is no such instant; write it as 2026-12-31T20:00:00-03:00.") from exc


def check_id(value: Any) -> None:
    if isinstance(value, str) and len(value) > _ID_LONGEST:
        raise ValueError(f"an id has at most {_ID_LONGEST} characters.")


CHECKS: Final[dict[str, Callable[[Any], None]]] = {"Date": check_date, "DateTime": check_date_time, "ID": check_id}
