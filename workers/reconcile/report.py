"""What one run of the reconciliation found, did, and could not do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from workers.reconcile.findings import Kind


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What is left: `subject` is an id, `reason` names no personal data. `passing`: a later run may well do it."""

    kind: Kind
    subject: str
    reason: str
    passing: bool


@dataclass(slots=True)
class Report:
    """`in_order` are reservations that need never be looked at again unless something about them changes.

    `unfinished` says why the run ended before it had looked at everything; what is left comes with the next one.
    """

    found: Counter[Kind] = field(default_factory=Counter)
    done: Counter[Kind] = field(default_factory=Counter)
    unsettled: list[Unsettled] = field(default_factory=list)
    in_order: int = 0
    unfinished: str | None = None

    @property
    def is_clean(self) -> bool:
        """Everything was looked at, and nothing is left that could not be done."""
        return self.unfinished is None and not self.unsettled

    @property
    def alarming(self) -> int:
        """How much will not pass by itself."""
        return sum(not one.passing for one in self.unsettled)
