"""Resilience as it is declared: what to do when the owner of a field is slow, down, or asked too much.

A policy holds for a subgraph (`Subgraph("suggestions")`) or for a field (`Field("Event.combos")`). Fields travel
together: one fetch brings many. So a fetch follows **the least of all that is declared** for its subgraph and for the
fields that it brings, at whatever depth: the shortest timeouts, the fewest retries, the soonest hedge. What a field
declares can only be stricter than what its subgraph does, and asking for one more field never makes others wait longer.
A mutation is not cut short for what it brings along: of a mutation's fetch only the mutations themselves count.
A fallback is a field's own; without one, its subgraph's. What counts for a subgraph as a whole, its breaker and its
places, cannot be declared for a field.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any

from gateway.federation.circuit import Breaker
from gateway.federation.errors import InvalidPolicy
from gateway.federation.fallbacks import Fallback, LastGood
from gateway.federation.planner.plan import Selected


@dataclass(frozen=True, slots=True)
class Subgraph:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its coordinate, `Type.field`."""

    coordinate: str


_LEAST = ("timeout", "attempt_timeout", "retries", "hedge")
_FOR_FIELDS = {*_LEAST, "fallback"}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is declared of a subgraph or a field; None where nothing is. Times are in seconds.

    `timeout` is for one call as a whole: for its attempts, for waiting between them and for a place, and for hedges.
    `attempt_timeout` is for one attempt, with its hedge. `retries` are attempts after the first. `hedge`: a second,
    equal query is sent when the first has not been answered after this long. `concurrency` bounds calls at once.
    `resubscribe`: a subscription whose connection broke is opened anew, and given up after this long without one.
    `mutation_timeout` and `mutation_attempt_timeout` stand for the first two where a mutation is called: what was done
    and is not waited for is told wrongly, so they are given more time.

    Queries are retried. A mutation is retried when the subgraph has certainly seen nothing of it, or when it carries an
    idempotency key: in the header `Idempotency-Key`, or in the argument (or field of an input) named
    `idempotency_argument`, which every mutation of the request must have. Raises InvalidPolicy for numbers that cannot
    be meant.
    """

    timeout: float | None = None
    attempt_timeout: float | None = None
    retries: int | None = None
    breaker: Breaker | None = None
    concurrency: int | None = None
    hedge: float | None = None
    fallback: Fallback | None = None
    idempotency_argument: str | None = None
    resubscribe: float | None = None
    mutation_timeout: float | None = None
    mutation_attempt_timeout: float | None = None

    def __post_init__(self) -> None:
        for name in (*_LEAST, "concurrency", "resubscribe", "mutation_timeout", "mutation_attempt_timeout"):
            value = getattr(self, name)
            if value is not None and (value < 0 or (value == 0 and name not in {"retries", "hedge"})):
                raise InvalidPolicy(f"{name} cannot be {value}")

    def for_mutations(self) -> "Policy":
        """What of it counts where a mutation is called."""
        return replace(
            self,
            timeout=self.timeout if self.mutation_timeout is None else self.mutation_timeout,
            attempt_timeout=(
                self.attempt_timeout if self.mutation_attempt_timeout is None else self.mutation_attempt_timeout
            ),
        )


class Policies:
    """All declared policies; `default` is for subgraphs that none is declared for.

    Raises InvalidPolicy where a field declares what belongs to its subgraph.
    """

    def __init__(
        self, declared: Mapping[Subgraph | Field, Policy] | None = None, default: Policy | None = None
    ) -> None:
        self._default = default or Policy()
        self._services = {key.name: policy for key, policy in (declared or {}).items() if isinstance(key, Subgraph)}
        self._fields = {key.coordinate: policy for key, policy in (declared or {}).items() if isinstance(key, Field)}
        for coordinate, policy in self._fields.items():
            for name in (field.name for field in fields(policy)):
                if name not in _FOR_FIELDS and getattr(policy, name) is not None:
                    raise InvalidPolicy(f"{name} belongs to a subgraph, it cannot be declared for {coordinate}")

    def check(self, services: Collection[str], types: Mapping[str, Collection[str]]) -> None:
        """Raises InvalidPolicy when one is declared for a subgraph or a field (of a type) that does not exist."""
        for name in self._services:
            if name not in services:
                raise InvalidPolicy(f"there is no subgraph {name!r} to have a policy")
        for coordinate in self._fields:
            owner, _, name = coordinate.partition(".")
            if name not in types.get(owner, ()):
                raise InvalidPolicy(f"there is no field {coordinate!r} to have a policy")

    @property
    def coordinates(self) -> frozenset[str]:
        return frozenset(self._fields)

    @property
    def services(self) -> frozenset[str]:
        return frozenset(self._services)

    def of_service(self, service: str) -> Policy:
        return self._services.get(service, self._default)

    def of_field(self, coordinate: str) -> Policy:
        """What is declared for the field itself."""
        return self._fields.get(coordinate, Policy())

    def of_fetch(self, service: str, coordinates: Iterable[str], kind: str = "query") -> Policy:
        """What a fetch follows that brings these fields: of each number, the least that is declared."""
        policy = self.of_service(service)
        if kind == "mutation":
            policy = policy.for_mutations()
        for declared in (self._fields[one] for one in coordinates if one in self._fields):
            least = {name: _least(getattr(policy, name), getattr(declared, name)) for name in _LEAST}
            policy = replace(policy, **least)
        return policy

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


def _least(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def longest_attempt(policy: Policy) -> float:
    """Seconds that one attempt may take; infinite where nothing is declared."""
    declared = _least(policy.timeout, policy.attempt_timeout)
    return inf if declared is None else declared
