"""Keyset pagination: opaque cursors over the values of an ORDER BY, connections as Relay has them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
import strawberry

from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.types import PageInfo

MAX_PAGE: Final = 100
MAX_CURSOR_LENGTH: Final = 1_000

# What the columns behind an ORDER BY can hold: more would fail in the database. Whole numbers are 32 bits (Integer).
_STORABLE: Final[dict[type, Any]] = {
    int: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    datetime: Annotated[datetime, msgspec.Meta(tz=True)],
}

T = TypeVar("T")
Row = TypeVar("Row")


def page_size(first: int) -> int:
    """``first``, when it is 1 to 100. Raises ``BadInput`` otherwise."""
    if not 1 <= first <= MAX_PAGE:
        raise BadInput(f"'first' must be between 1 and {MAX_PAGE}.", ("first",))
    return first


def encode_cursor(*values: str | int | UUID | datetime) -> str:
    """A cursor from the sort keys of a row, in the order of the ORDER BY (the last one unique).

    Whole numbers have 32 bits and moments an offset, or the cursor is not taken back.
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """The sort keys, converted to ``types``; None without a cursor. Raises ``BadInput`` for what we did not make.

    Compare with a row constructor: ``tuple_(starts_at, id) > tuple_(*values)``.
    """
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        storable = tuple(_STORABLE.get(type_, type_) for type_ in types)
        values: tuple[Any, ...] = msgspec.json.decode(raw, type=tuple[storable])  # type: ignore[valid-type]
        return tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in values)
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError) as exc:
        raise BadInput("'after' is not a cursor of this connection.", ("after",)) from exc


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of rows; ``has_next`` because one row more than asked for was found."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool = False


def page_of(rows: Sequence[Row], first: int, *, after: str | None = None) -> Page[Row]:
    """Cut what was selected with ``LIMIT first + 1``."""
    return Page(rows[:first], has_next=len(rows) > first, has_previous=after is not None)


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    """``Connection[Product]`` is ``ProductConnection`` in the schema, with ``ProductEdge``."""

    edges: list[Edge[T]]
    page_info: PageInfo


def connection_of(page: Page[Row], *, node: Callable[[Row], T], cursor: Callable[[Row], str]) -> Connection[T]:
    """A connection from a page of rows."""
    edges = [Edge(cursor=cursor(row), node=node(row)) for row in page.rows]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )
