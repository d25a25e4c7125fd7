"""The quick program as a value: what a run of it needs to know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.federation.planner.plan import Fetch, Plan, Selected
from gateway.federation.resilience import Guard

# What stands for a member that the response of a fetch does not have.
NOTHING = msgspec.Raw()


class Surprise(Exception):
    """An answer is not as it should be: the careful way has to judge it."""


@dataclass(slots=True, eq=False)
class FastPart:
    """One `_entities` selection.

    `collect(state, memos)` gives, for each representation, the objects that it stands for, and the representations as
    such and encoded; `apply(objects, entities)` puts the fields in. `kept` are fields whose last good value a fallback
    wants to know.
    """

    name: bytes
    alias: str
    slot: int
    collect: Callable[[list[Any], list[Any]], tuple[list[list[Any]], list[Any], bytes]]
    apply: Callable[[list[list[Any]], list[Any]], None]
    kept: tuple[Selected, ...]


@dataclass(slots=True, eq=False)
class FastStep:
    """A fetch. `take(state, root, data)` puts its root fields in place; of those, `kept` as in `FastPart`."""

    fetch: Fetch
    guard: Guard
    index: int
    prefix: bytes
    variables: tuple[tuple[str, bytes], ...]
    decode: Callable[[bytes], Any]
    parts: tuple[FastPart, ...]
    take: Callable[[list[Any], Any, Any], None] | None
    kept: tuple[Selected, ...]
    waits_for: int
    releases: tuple[int, ...]


@dataclass(slots=True, eq=False)
class FastProgram:
    """`finish(state, root)` makes of every object what the client sees. `slots` and `memos` tell a run's lengths."""

    steps: tuple[FastStep, ...]
    first: tuple[FastStep, ...]
    waits: tuple[int, ...]
    make_root: Callable[[], Any]
    finish: Callable[[list[Any], Any], None] | None
    slots: int
    memos: int
    plan: Plan
    size: int
    services: frozenset[str]

    @property
    def kind(self) -> str:
        return self.plan.kind


def prefix_of(fetch: Fetch) -> bytes:
    """The body of a fetch's request up to the values of its variables."""
    return b'{"query":' + msgspec.json.encode(fetch.operation) + b',"variables":'
