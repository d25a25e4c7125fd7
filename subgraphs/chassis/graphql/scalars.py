"""Date and DateTime as arguments: what cannot be read, or cannot be told in UTC, is the client's mistake.

strawberry's own parsers let pass what breaks later: a moment whose offset takes it out of the years 1 to 9999
("0001-01-01T00:00:00+14:00") fails in the database driver, and half a date ("2026") becomes a moment without an offset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from operator import methodcaller
from typing import Any, Final

from graphql import GraphQLError, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition


def parse_date(text: str) -> date:
    """ISO 8601, in full: ``1990-02-28``. Raises ``ValueError``."""
    if len(text) != len("YYYY-MM-DD"):
        raise ValueError
    return date.fromisoformat(text)


def parse_date_time(text: str) -> datetime:
    """ISO 8601 with date and time; the offset may be missing, for the resolver to refuse. Raises ``ValueError``."""
    if len(text) < len("YYYY-MM-DDTHH:MM"):
        raise ValueError
    moment = datetime.fromisoformat(text.upper())
    try:
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError from exc


def _scalar(python_type: type, name: str, description: str, wanted: str, parse: Callable[[str], Any]) -> Any:
    def parse_value(value: object, node: ValueNode | None = None) -> Any:
        try:
            if isinstance(value, str):
                return parse(value)
        except ValueError:
            pass
        # Not the value itself: it may be somebody's date of birth, and errors are logged on their way.
        raise GraphQLError(f"{name} needs {wanted}.", node)

    def parse_literal(node: ValueNode, _variables: object = None) -> Any:
        return parse_value(node.value if isinstance(node, StringValueNode) else None, node)

    return ScalarDefinition(
        name=name,
        description=description,
        specified_by_url=None,
        serialize=methodcaller("isoformat"),
        parse_value=parse_value,
        parse_literal=parse_literal,
        origin=python_type,
    )


SCALARS: Final[dict[object, Any]] = {
    date: _scalar(date, "Date", "Date (isoformat)", "a text such as 1990-02-28", parse_date),
    datetime: _scalar(
        datetime, "DateTime", "Date with time (isoformat)", "a text such as 2026-02-28T20:30:00Z", parse_date_time
    ),
}
