"""What an answer in parts consists of, whichever way it is written down."""

from dataclasses import dataclass, field
from typing import Any

from gateway.federation.report import Path

Errors = list[dict[str, Any]]


@dataclass(slots=True, eq=False)
class Pending:
    """A deferred fragment or a streamed list that has been announced under `id`; its place in the answer."""

    id: str
    path: Path
    label: str | None
    streamed: bool = False


@dataclass(slots=True, eq=False)
class Increment:
    """Fields of the object `below` the place of what is pending, or further items of its list from `first` on."""

    of: Pending
    below: Path
    data: dict[str, Any] | None = None
    items: list[Any] | None = None
    first: int = 0
    errors: Errors = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Completed:
    """Nothing more follows for this; with errors, what was still to come never will."""

    of: Pending
    errors: Errors = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Part:
    """One body of the response. Only the `first` has `data` and the errors of it."""

    first: bool = False
    data: dict[str, Any] | None = None
    errors: Errors = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    increments: list[Increment] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)
    more: bool = False

    @property
    def alone(self) -> bool:
        """Whether it is the whole answer."""
        return self.first and not self.pending
