"""What is served instead, when the owner of a field is down.

A fallback never hides a refusal: `NEVER_HIDDEN` lists the codes that pass through it.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

NEVER_HIDDEN = frozenset(
    {
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "UNAUTHORIZED",
        "BAD_USER_INPUT",
        "BAD_REQUEST",
        "GRAPHQL_VALIDATION_FAILED",
        "GRAPHQL_PARSE_FAILED",
        "INVALID_INPUT",
    }
)


@dataclass(frozen=True, slots=True)
class FallbackContext:
    """What a fallback may look at. `representation` is the object's key fields; None for a root field.

    `asked` tells apart what was asked of the field: arguments, and what of its value.
    """

    coordinate: str
    identity: Hashable
    representation: bytes | None
    reason: str
    asked: Hashable = None


class Fallback(Protocol):
    """`value` gives JSON values, or raises LookupError when it has none. `source` names it in `extensions.degraded`."""

    source: str

    async def value(self, context: FallbackContext) -> Any: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same JSON value."""

    constant: Any
    source: str = "constant"

    async def value(self, context: FallbackContext) -> Any:
        return self.constant


class LastGood:
    """The last value that the owner gave this identity for this object, at most `max_age` seconds old."""

    def __init__(self, max_age: float, entries: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = "last_good"
        self._max_age = max_age
        self._entries = entries
        self._clock = clock
        self._known: dict[tuple[str, Hashable, bytes | None, Hashable], tuple[float, Any]] = {}

    def remember(
        self, coordinate: str, identity: Hashable, representation: bytes | None, value: Any, asked: Hashable = None
    ) -> None:
        key = (coordinate, identity, representation, asked)
        self._known.pop(key, None)
        self._known[key] = (self._clock(), value)
        if len(self._known) > self._entries:
            del self._known[next(iter(self._known))]

    async def value(self, context: FallbackContext) -> Any:
        at, value = self._known[context.coordinate, context.identity, context.representation, context.asked]
        if self._clock() - at > self._max_age:
            raise LookupError(context.coordinate)
        return value
