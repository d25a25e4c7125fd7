"""Resilience as it is declared: what to do when the owner of a field is slow, down, or asked too much.

A policy holds for a subgraph (`Subgraph("suggestions")`) or, as far as fallbacks go, for a field
(`Field("Event.combos")`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.federation.circuit import Breaker
from gateway.federation.fallbacks import Fallback, LastGood
from gateway.federation.planner.plan import Selected


@dataclass(frozen=True, slots=True)
class Subgraph:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its coordinate, `Type.field`."""

    coordinate: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. `hedge`: a second, equal query is sent after this long. `concurrency` bounds calls at once.

    Queries are retried. A mutation is retried when the subgraph has certainly seen nothing of it, or when it carries an
    idempotency key: in the header `Idempotency-Key`, or in the argument (or field of an input) named
    `idempotency_argument`, which every mutation of the request must have.
    """

    timeout: float | None = None
    retries: int = 0
    breaker: Breaker | None = None
    concurrency: int | None = None
    hedge: float | None = None
    fallback: Fallback | None = None
    idempotency_argument: str | None = None


class Policies:
    """All declared policies. Field fallbacks win over the fallback of the field's subgraph."""

    def __init__(
        self, declared: Mapping[Subgraph | Field, Policy] | None = None, default: Policy | None = None
    ) -> None:
        self._default = default or Policy()
        self._services = {key.name: policy for key, policy in (declared or {}).items() if isinstance(key, Subgraph)}
        self._fields = {key.coordinate: policy for key, policy in (declared or {}).items() if isinstance(key, Field)}

    @property
    def coordinates(self) -> frozenset[str]:
        return frozenset(self._fields)

    @property
    def services(self) -> frozenset[str]:
        return frozenset(self._services)

    def of_service(self, service: str) -> Policy:
        return self._services.get(service, self._default)

    def keeps(self, service: str, coordinate: str) -> bool:
        """Whether a fallback wants to know the last good values of a field."""
        return isinstance(self.fallback(service, coordinate), LastGood)

    def keep(
        self,
        service: str,
        field: Selected,
        identity: Hashable,
        representation: bytes | None,
        value: Any,
        asked: Hashable,
    ) -> None:
        """Tells the field's fallback a value that its owner has just given."""
        coordinate = f"{field.type}.{field.name}"
        fallback = self.fallback(service, coordinate)
        if isinstance(fallback, LastGood):
            fallback.remember(coordinate, identity, representation, value, asked)

    def fallback(self, service: str, coordinate: str) -> Fallback | None:
        declared = self._fields.get(coordinate)
        if declared is not None and declared.fallback is not None:
            return declared.fallback
        return self.of_service(service).fallback
