"""What is served instead, when the owner of a field is down.

A fallback never hides a refusal: `NEVER_HIDDEN` lists the codes that pass through it.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from graphql import (
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    Undefined,
    parse,
    value_from_ast_untyped,
)

from gateway.federation.cache import BoundedCache
from gateway.federation.planner.plan import Fetch, Selected
from gateway.federation.shape import FieldShape

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

    `arguments` are those that were given. `asked` tells apart what was asked of the field: arguments, and what of its
    value.
    """

    coordinate: str
    identity: Hashable
    representation: bytes | None
    reason: str
    asked: Hashable = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Fallback(Protocol):
    """`value` gives JSON values, or raises LookupError when it has none. `source` names it in `extensions.degraded`.

    Objects have the names of the schema, `__typename` where more than one type can stand; what an operation asks of
    them is taken, under the names that it gives. Fields of other subgraphs are fetched by the keys in them.
    """

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
    """The last value that the owner gave this identity for this object, at most `max_age` seconds old.

    What is asked of a field is for clients to choose, so what is kept is bounded in count and in bytes.
    """

    def __init__(
        self,
        max_age: float,
        entries: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
        size: int = 32 * 1024 * 1024,
    ) -> None:
        self.source = "last_good"
        self._max_age = max_age
        self._clock = clock
        self._known: BoundedCache[tuple[float, Any]] = BoundedCache(entries, size)

    def remember(
        self, coordinate: str, identity: Hashable, representation: bytes | None, value: Any, asked: Hashable = None
    ) -> None:
        key = (coordinate, identity, representation, asked)
        self._known.put(key, (self._clock(), value), _weigh(value) + _weigh(representation) + _weigh(asked))

    async def value(self, context: FallbackContext) -> Any:
        known = self._known.find((context.coordinate, context.identity, context.representation, context.asked))
        if known is None or self._clock() - known[0] > self._max_age:
            raise LookupError(context.coordinate)
        return known[1]


def _weigh(value: Any) -> int:
    """Bytes, roughly."""
    if isinstance(value, msgspec.Raw):
        return memoryview(value).nbytes
    if isinstance(value, str | bytes):
        return 50 + len(value)
    if isinstance(value, dict):
        return 100 + sum(100 + _weigh(one) for one in value.values())
    if isinstance(value, list | tuple):
        return 50 + sum(map(_weigh, value))
    return 50


def name_as_asked(value: Any, shape: FieldShape | None) -> Any:
    """A fallback's value under the response names of the operation."""
    if isinstance(value, list):
        return [name_as_asked(item, shape) for item in value]
    if not isinstance(value, dict) or shape is None or shape.child is None:
        return value
    named = dict(value)
    for part in shape.child.fields_of(value.get("__typename")):
        if part.name in value:
            named[part.internal] = name_as_asked(value[part.name], part)
    return named


def read_arguments(fetch: Fetch, alias: str | None, selected: Selected, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a fetch gives a field of its root, or of its `_entities` selection under `alias`."""
    selections: Iterable[SelectionNode] = _selections(fetch.operation)
    if alias is not None:
        selections = [part for node, _ in _fields(selections, None) if _key(node) == alias for part in _below(node)]
    found = [(on, node) for node, on in _fields(selections, None) if _key(node) == selected.internal]
    # Objects of different types may stand in one list, and give one name different arguments.
    found.sort(key=lambda pair: pair[0] != selected.type)
    values = {arg.name.value: value_from_ast_untyped(arg.value, dict(variables)) for arg in found[0][1].arguments}
    return {name: value for name, value in values.items() if value is not Undefined}


@lru_cache(maxsize=256)
def _selections(operation: str) -> tuple[SelectionNode, ...]:
    (node,) = parse(operation, no_location=True).definitions
    return node.selection_set.selections if isinstance(node, OperationDefinitionNode) else ()


def _fields(selections: Iterable[SelectionNode], on: str | None) -> Iterator[tuple[FieldNode, str | None]]:
    for node in selections:
        if isinstance(node, FieldNode):
            yield node, on
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            yield from _fields(node.selection_set.selections, condition.name.value if condition is not None else on)


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias is not None else node.name.value


def _below(node: FieldNode) -> tuple[SelectionNode, ...]:
    return node.selection_set.selections if node.selection_set is not None else ()
