"""Which guard a fetch goes through: chosen when its operation is compiled, so that a request pays nothing for it."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from gateway.federation.errors import SubgraphUnavailable
from gateway.federation.planner.emit import Places
from gateway.federation.planner.groups import Selection
from gateway.federation.planner.plan import Fetch
from gateway.federation.policy import Policies, Policy
from gateway.federation.request import SubgraphRequest, Transport
from gateway.federation.resilience import Guard

_Numbers = tuple[float | None, float | None, int | None, float | None]


class Guards:
    """One guard for each subgraph, and others where fields declare more: they share its breaker and its places.

    Each mutation has a breaker of its own, told by its field: one that hangs takes neither the queries along nor the
    other mutations.
    """

    def __init__(self, services: Iterable[str], transports: Mapping[str, Transport], policies: Policies) -> None:
        self._policies = policies
        self._guards = {
            name: Guard(name, transports.get(name) or _Nobody(), policies.of_service(name)) for name in services
        }
        self._stricter: dict[tuple[str, _Numbers, str | None], Guard] = {}

    def of_fetch(self, fetch: Fetch, places: Places) -> Guard:
        """The guard of a fetch that fills these places."""
        guard = self._guards[fetch.service]
        deep = fetch.kind != "mutation"
        selections = [selection for found in places.values() for _, selection in found]
        coordinates = {one for selection in selections for one in _coordinates(selection, deep)}
        policy = self._policies.of_fetch(fetch.service, coordinates, fetch.kind)
        numbers = _numbers(policy)
        mutation = fetch.fields[0].name if fetch.kind == "mutation" and fetch.fields else None
        if mutation is None and numbers == _numbers(guard.policy):
            return guard
        key = (fetch.service, numbers, mutation)
        if key not in self._stricter:
            self._stricter[key] = guard.under(policy, apart=mutation is not None)
        return self._stricter[key]


def _coordinates(selection: Selection, deep: bool) -> Iterator[str]:
    for item, below in selection.fields.values():
        yield f"{item.position.type}.{item.name}"
        if below is not None and deep:
            yield from _coordinates(below, deep)
    for cast in selection.casts.values():
        yield from _coordinates(cast, deep)


def _numbers(policy: Policy) -> _Numbers:
    return policy.timeout, policy.attempt_timeout, policy.retries, policy.hedge


class _Nobody:
    """Stands where a subgraph has no transport: it can be planned for."""

    async def execute(self, request: SubgraphRequest) -> bytes:
        raise SubgraphUnavailable("has no transport").before_sending()

    def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        raise SubgraphUnavailable("has no transport").before_sending()
