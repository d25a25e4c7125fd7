"""Who calls: the service that signed the token, and the customer it speaks for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Identity:
    """``caller`` is ``gateway`` or ``workers``; ``scopes`` ⊆ {customer, organiser, gate, operator}."""

    caller: str
    customer_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
