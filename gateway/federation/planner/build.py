"""Builds plans: every leaf gets its way, the rarest first; of a few orders the best plan wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from msgspec import structs

from gateway.federation.errors import PlanningFailed
from gateway.federation.operation.incremental import DeferUse
from gateway.federation.operation.normalise import Normalised
from gateway.federation.planner.bounds import least_plan
from gateway.federation.planner.draft import Draft
from gateway.federation.planner.emit import Layout, emit_plan
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.plan import Deferred, Plan
from gateway.federation.planner.position import Item, Position
from gateway.federation.planner.schedule import schedule_groups
from gateway.federation.planner.search import Search
from gateway.federation.planner.streams import find_streams

# How many subgraph choices for root fields that must run once are compared.
_ROOT_CHOICES = 16


@dataclass(slots=True)
class Planned:
    """A plan with the operation that it answers, and which selections its fetches carry."""

    plan: Plan
    operation: Normalised
    layout: Layout


def build_plan(
    ownership: Ownership,
    kind: str,
    normalise: Callable[[], Normalised],
    declarations: dict[str, str],
    assumed: tuple[tuple[str, bool], ...] = (),
) -> Planned:
    """Plans one operation. `normalise` gives it afresh each time; `declarations` prints its variables.

    Raises PlanningFailed when a selected field cannot be reached.
    """
    if kind == "query":
        attempts = [_Attempt(ownership, normalise(), kind, 0)]
        first = attempts[0]
        if first.run() and (first.rounds, first.fetches) > least_plan(ownership, first.root):
            for variant in (1, 2):
                attempt = _Attempt(ownership, normalise(), kind, variant)
                attempt.run()
                attempts.append(attempt)
    else:
        attempts = _attempts_by_root(ownership, kind, normalise)
    best = min(attempts, key=lambda attempt: (attempt.rounds, attempt.fetches, attempt.lateness))
    plan, layout = emit_plan(ownership, kind, best.draft, declarations, assumed)
    deferred = tuple(_deferred(phase, uses) for phase, uses in enumerate(best.operation.phases) if phase)
    plan = structs.replace(plan, deferred=deferred, streamed=find_streams(plan, layout))
    return Planned(plan, best.operation, layout)


def _deferred(phase: int, uses: frozenset[DeferUse]) -> Deferred:
    ordered = sorted(uses, key=lambda use: use.number)
    return Deferred(phase, tuple(use.label for use in ordered), tuple(use.path for use in ordered))


def _attempts_by_root(ownership: Ownership, kind: str, normalise: Callable[[], Normalised]) -> "list[_Attempt]":
    root = normalise().root
    fields = [item for item in root.items if not item.name.startswith("__")]
    choices = [[graph for graph, _, _ in ownership.owners(root.type, item.name)] for item in fields]
    attempts = []
    failure: PlanningFailed | None = None
    for index, chosen in enumerate(product(*choices)):
        if index == _ROOT_CHOICES:
            break
        attempt = _Attempt(ownership, normalise(), kind, 0, chosen)
        try:
            attempt.run()
        except PlanningFailed as error:
            failure = error
            continue
        attempts.append(attempt)
    if not attempts:
        raise failure or PlanningFailed("no subgraph answers the operation")
    return attempts


@dataclass(slots=True)
class _Leaf:
    """A field without fields of its own that is to be fetched for a part of the answer."""

    item: Item
    phase: int
    owners: int
    number: int


class _Attempt:
    def __init__(
        self, ownership: Ownership, operation: Normalised, kind: str, variant: int, chosen: tuple[str, ...] = ()
    ) -> None:
        self.operation = operation
        self.root = operation.root
        self.draft = Draft(ownership)
        self._search = Search(ownership, self.draft, self.root, prefer=1 if variant == 2 else 0)
        self._ownership = ownership
        self._kind = kind
        self._variant = variant
        self._chosen = chosen
        self._deferred: list[_Leaf] = []
        self.has_choice = False

    @property
    def rounds(self) -> int:
        return max((group.level for group in self.draft.groups), default=0)

    @property
    def fetches(self) -> int:
        return len({(group.graph, group.level, group.phase) for group in self.draft.groups})

    @property
    def lateness(self) -> int:
        """Between equal plans, the one that brings more of the answer sooner is better."""
        return sum(group.level * group.selection.size() for group in self.draft.groups)

    def run(self) -> bool:
        """Plans everything; tells whether another order could have given another plan."""
        if self._kind == "query":
            self._take_all([item for item in self.root.items if item.name != TYPENAME])
        else:
            self._run_in_series()
        self._take_deferred()
        schedule_groups(self.draft.groups)
        return self.has_choice

    def _run_in_series(self) -> None:
        fields = sorted(
            (item for item in self.root.items if not item.name.startswith("__")), key=lambda item: item.order
        )
        graphs = dict(zip((id(i) for i in self.root.items if not i.name.startswith("__")), self._chosen, strict=True))
        segment: list[Item] = []
        previous: str | None = None
        for item in fields:
            graph = graphs[id(item)]
            self.root.restricted[id(item)] = graph
            if segment and graph != previous:
                self._take_segment(segment)
                segment = []
            previous = graph
            segment.append(item)
        if segment:
            self._take_segment(segment)

    def _take_segment(self, segment: list[Item]) -> None:
        self.draft.first_level = self.draft.last_level + 1
        self._take_all(segment)

    def _take_all(self, items: list[Item]) -> None:
        leaves: list[_Leaf] = []
        for item in items:
            self._leaves(item, leaves, item.phase)
        if self._variant != 1:
            leaves.sort(key=lambda leaf: (leaf.owners, leaf.number))
        self._deferred += [leaf for leaf in leaves if leaf.phase]
        for leaf in leaves:
            if not leaf.phase:
                self._take(leaf.item)

    def _take_deferred(self) -> None:
        """What is deferred is planned when all else is, and what is deferred within it after that."""
        around = [(_phases_around(leaf), leaf) for leaf in self._deferred]
        for phases, leaf in sorted(around, key=lambda entry: (len(entry[0]), entry[1].phase)):
            self._search.enter(leaf.phase, phases)
            self._take(leaf.item)

    def _take(self, item: Item) -> None:
        if self._search.take_from_cursor(item):
            return
        way = self._search.best_for(item)
        if way is None:
            raise PlanningFailed(f"no subgraph reaches {item.position.type}.{item.name}")
        self._search.take(item, way)

    def _leaves(self, item: Item, found: "list[_Leaf]", phase: int, beside: Sequence[Position] = ()) -> None:
        """`beside` are positions whose selections end up in the same objects of the answer as the item's."""
        if item.name.startswith("__") and item.name != TYPENAME:
            return
        below = item.children
        if below is None:
            owners = 99 if item.name == TYPENAME else len(self._ownership.owners(item.position.type, item.name))
            found.append(_Leaf(item, phase, owners, len(found)))
            self.has_choice = self.has_choice or owners > 1
            return
        if len(self._ownership.owners(item.position.type, item.name)) > 1:
            self.has_choice = True
        positions = [below, *(cast for name, cast in below.casts.items() if name in below.runtime)]
        selected = [(child, child.phase) for position in positions for child in position.items]
        # That an object is there has to be told with the part of the answer that it belongs to.
        if all(phase != item.phase for _, phase in selected) or self._needs_typename(below, beside):
            selected.append((below.inject(TYPENAME, "", self._ownership), item.phase))
        if len(positions) == 1 and not beside:
            for child, phase in selected:
                self._leaves(child, found, phase)
            return
        together = [*positions, *(each for other in beside for each in (other, *other.casts.values()))]
        for child, phase in selected:
            self._leaves(child, found, phase, _merging_with(child, together))

    def _needs_typename(self, position: Position, beside: Sequence[Position]) -> bool:
        """Objects of a type that clients may not see, or that should not occur here, have to be noticed.

        So has the type of objects for which one of their possible types has a selection of another type.
        """
        if self._ownership.supergraph.is_abstract(position.type) and any(p.type != position.type for p in beside):
            return True
        if any(name not in position.runtime or cast.earlier for name, cast in position.casts.items()):
            return True
        visible = self._ownership.visible_types
        return any(member not in visible for member in position.runtime) and len(position.runtime) > 1


def _phases_around(leaf: _Leaf) -> frozenset[int]:
    """The parts of the answer from the root down to a leaf."""
    phases = {0, leaf.phase}
    here: Position | None = leaf.item.position
    while here is not None and here.parent is not None:
        phases.add(here.parent.phase)
        here = here.parent.position
    return frozenset(phases)


def _merging_with(item: Item, together: list[Position]) -> list[Position]:
    """What is selected under the same response name on other positions of the same objects."""
    if item.children is None or item.hidden:
        return []
    return [
        other.children
        for position in together
        if position is not item.position
        for other in position.items
        if other.key == item.key and other.children is not None and not other.hidden
    ]
