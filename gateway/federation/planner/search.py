"""Finds the cheapest way to have the objects of a position in a subgraph.

A *way* is a possibility: nothing is fetched for it until the draft commits it. Its cost is the round after which the
objects are there and the fetches that would be new, a fetch being one subgraph in one round.
"""

from gateway.federation.fieldset import FieldSet
from gateway.federation.planner.draft import Draft
from gateway.federation.planner.groups import Cursor
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.plan import Representation
from gateway.federation.planner.position import Item, Position
from gateway.federation.planner.ways import Frontier, Inputs, Pick, Way, is_free


class Search:
    """Finds ways to what a plan in the making still lacks.

    Parts of the answer are planned one after the other. What is deferred has fetches of its own, which may start from
    what the parts around it fetch, and only where there is no other way is a field of theirs fetched along.
    """

    def __init__(self, ownership: Ownership, draft: Draft, root: Position, prefer: int = 0) -> None:
        self.ownership = ownership
        self.supergraph = ownership.supergraph
        self.draft = draft
        self.root = root
        self._memo: dict[Position, list[Way]] = {}
        self._relaxing: list[Position] | None = None
        self._guard: set[tuple[int, str, str]] = set()
        # Which of equally good subgraphs is taken first.
        self._prefer = prefer
        # The parts of the answer that stand around what is being planned, and itself.
        self._around = frozenset({0})

    def enter(self, phase: int, around: frozenset[int]) -> None:
        """What is planned from now on belongs to `phase`; it may build on the parts `around` it."""
        if (phase, around) != (self.draft.phase, self._around):
            self.draft.phase, self._around = phase, around
            self._memo.clear()

    # -- ways -------------------------------------------------------------------------------------------------

    def reach(self, position: Position) -> list[Way]:
        """The best way into each subgraph that can hold this position's objects."""
        known = self._memo.get(position)
        if known is not None:
            return known
        if position is self.root:
            ways = self._root_ways()
        else:
            ways = Frontier()
            for cursor in position.cursors:
                if cursor.group.phase not in self._around:
                    continue
                ways.offer(
                    Way(
                        "cursor",
                        position,
                        cursor.group.graph,
                        cursor.selection.type,
                        max([cursor.group.level, *(need.level for need in cursor.needs)]),
                        provided=cursor.provided,
                        cursor=cursor,
                        phase=cursor.group.phase,
                    )
                )
            if position.base is not None:
                self._offer_casts(position, position.base, ways)
            elif position.parent is not None:
                self._offer_steps(position, position.parent, ways)
            self._memo[position] = ways.ways
            if self._relaxing is not None:
                self._relaxing.append(position)
            self._offer_moves(position, ways)
        self._memo[position] = ways.ways
        return ways.ways

    def _root_ways(self) -> Frontier:
        ways = Frontier()
        existing = {
            cursor.group.graph: cursor
            for cursor in self.root.cursors
            if cursor.group.level >= self.draft.first_level and cursor.group.phase == self.draft.phase
        }
        graphs = list(self.supergraph.local)
        for graph in reversed(graphs) if self._prefer else graphs:
            if self.root.type not in self.supergraph.local[graph]:
                continue
            cursor = existing.get(graph)
            if cursor is not None:
                found = Way("cursor", self.root, graph, self.root.type, cursor.group.level, cursor=cursor)
            else:
                level = self.draft.first_level
                found = Way("root", self.root, graph, self.root.type, level, self.draft.new(graph, level))
            found.phase = self.draft.phase
            ways.offer(found)
        return ways

    def _offer_casts(self, position: Position, base: Position, ways: Frontier) -> None:
        wanted = position.type
        for way in self.reach(base):
            local = self.ownership.local(way.graph, way.local)
            if local is None:
                continue
            if local.interface_object:
                if way.local in self.supergraph.interfaces.get(wanted, ()):
                    self._offer_virtual_cast(position, base, way, ways)
            elif wanted in local.possible:
                interfaces = self.supergraph.interfaces.get(wanted, ())
                provided = None if way.provided is None else way.provided.known_to_be(wanted, interfaces)
                cast = Way("cast", position, way.graph, wanted, way.level, way.buckets, way, provided=provided)
                cast.phase = way.phase
                ways.offer(cast)

    def _offer_virtual_cast(self, position: Position, base: Position, way: Way, ways: Frontier) -> None:
        """An interface object does not know what it is: another subgraph has to tell."""
        tellers = [
            teller for teller in self.reach(base) if self.ownership.answers(teller.graph, teller.local, TYPENAME, None)
        ]
        if not tellers:
            return
        teller = min(tellers, key=lambda candidate: candidate.cost)
        item = base.inject(TYPENAME, "", self.ownership)
        inputs = Inputs(teller.level, teller.buckets, [Pick(teller, item)])
        level, buckets, phase = max(way.level, teller.level), way.buckets | teller.buckets, way.phase
        cast = Way("cast", position, way.graph, way.local, level, buckets, way, None, inputs, way.provided, phase=phase)
        ways.offer(cast)

    def _offer_steps(self, position: Position, parent: Item, ways: Frontier) -> None:
        only = parent.position.restricted.get(id(parent))
        found = [way for way in self.ways_for(parent.position, parent.name) if only is None or way.graph == only]
        # An object comes with the part of the answer that it belongs to, or else with one around. Asked for a second
        # time by another part it might differ: that is done only for a requirement that nothing else can meet.
        ways_there = [way for way in found if way.phase == parent.phase or parent.hidden]
        if not ways_there and not ways.ways:
            ways_there = [way for way in found if way.phase != self.draft.phase] or found
        for way in ways_there:
            field = self.ownership.field(way.graph, way.local, parent.name)
            if field is None:
                continue
            target = self.ownership.local(way.graph, field.named)
            if target is None:
                continue
            provided = field.provides
            if way.provided is not None:
                above = way.provided.field(parent.name)
                if above is not None and above.children is not None:
                    provided = above.children.merged(provided)
            step = Way("step", position, way.graph, field.named, way.level, way.buckets, way, parent, provided=provided)
            step.phase = way.phase
            ways.offer(step)

    def _offer_moves(self, position: Position, ways: Frontier) -> None:
        """Moves by key, from whatever is already reached to whatever that opens, until nothing improves."""
        if position.type == self.supergraph.roots.get("query"):
            self._offer_requeries(position, ways)
            return
        moves = self.ownership.moves(position.type)
        if not moves or not ways.ways:
            return
        abstract = self.supergraph.is_abstract(position.type)
        outer = self._relaxing
        self._relaxing = []
        improved = True
        while improved:
            improved = False
            for graph, local, key in moves:
                if abstract and not local.interface_object and not self._from_interface_object(ways):
                    continue
                inputs = self._resolve(position, key)
                self._forget_relaxed(position)
                if inputs is None:
                    continue
                level = inputs.level + 1
                buckets = inputs.buckets | self.draft.new(graph, level)
                phase = self.draft.phase
                if ways.offer(Way("entity", position, graph, local.name, level, buckets, inputs=inputs, phase=phase)):
                    self._memo[position] = ways.ways
                    improved = True
        self._relaxing = outer

    def _forget_relaxed(self, position: Position) -> None:
        for other in self._relaxing or ():
            if other is not position:
                self._memo.pop(other, None)
        self._relaxing = []

    def _from_interface_object(self, ways: Frontier) -> bool:
        for way in ways.ways:
            local = self.ownership.local(way.graph, way.local)
            if local is not None and local.interface_object:
                return True
        return False

    def _offer_requeries(self, position: Position, ways: Frontier) -> None:
        if not ways.ways:
            return
        level = min(way.level for way in ways.ways) + 1
        source = min(ways.ways, key=lambda way: way.cost)
        for graph, types in self.supergraph.local.items():
            if position.type in types:
                buckets = source.buckets | self.draft.new(graph, level)
                phase = self.draft.phase
                ways.offer(Way("requery", position, graph, position.type, level, buckets, source, phase=phase))

    def ways_for(self, position: Position, name: str) -> list[Way]:
        """Ways by which a field of the position's objects can be selected."""
        found = [
            way for way in self.reach(position) if self.ownership.answers(way.graph, way.local, name, way.provided)
        ]
        if self._relaxing is None and name != TYPENAME:
            for graph, local, owned in self.ownership.owners(position.type, name):
                if owned.requires is not None:
                    way = self._required_way(position, graph, local.name, name, owned.requires)
                    if way is not None:
                        found.append(way)
        return found

    def _required_way(self, position: Position, graph: str, local: str, name: str, requires: FieldSet) -> Way | None:
        """An entity fetch whose representations also carry what the field requires."""
        guard = (id(position), graph, name)
        if guard in self._guard:
            return None
        self._guard.add(guard)
        try:
            required = self._resolve(position, requires)
            if required is None:
                return None
            best: Inputs | None = None
            for target, target_local, key in self.ownership.moves(position.type):
                if target != graph or target_local.name != local:
                    continue
                inputs = self._resolve(position, key)
                if inputs is None:
                    continue
                inputs = Inputs(inputs.level, inputs.buckets, list(inputs.picks), list(inputs.fields))
                inputs.include(required)
                inputs.fields += required.fields
                if best is None or (inputs.level, len(inputs.buckets)) < (best.level, len(best.buckets)):
                    best = inputs
            if best is None:
                return None
        finally:
            self._guard.discard(guard)
        level = best.level + 1
        for cursor in position.cursors:
            group = cursor.group
            if (
                group.entity
                and group.graph == graph
                and group.phase == self.draft.phase
                and group.position is position
                and group.level >= level
            ):
                level = group.level
                break
        buckets = best.buckets | self.draft.new(graph, level)
        return Way("entity", position, graph, local, level, buckets, inputs=best, phase=self.draft.phase)

    def _resolve(self, position: Position, fieldset: FieldSet, nested: bool = False) -> Inputs | None:
        """The cheapest way to have every field of a field set; None when one is out of reach."""
        total = Inputs()
        for sel in fieldset.fields:
            if sel.name == TYPENAME:
                continue
            if self._needs_expansion(position, sel.name):
                spread = FieldSet((sel,))
                for member in position.runtime:
                    self._resolve_on(position, member, spread, total)
                continue
            item = position.inject(sel.name, sel.arguments, self.ownership)
            if item.children is not None and sel.children is not None:
                inner = self._resolve(item.children, sel.children, nested=True)
                if inner is None:
                    return None
                total.include(inner)
                total.fields.append(Representation(sel.name, item.internal, tuple(inner.fields)))
                continue
            ways = self.ways_for(position, sel.name)
            if not ways:
                return None
            way = min(ways, key=lambda candidate: candidate.cost)
            total.include(Inputs(way.level, way.buckets, [Pick(way, item)]))
            total.fields.append(Representation(sel.name, item.internal))
        for condition, sub in fieldset.on:
            if condition == position.type or condition in self.supergraph.interfaces.get(position.type, ()):
                inner = self._resolve(position, sub)
                if inner is None:
                    return None
                total.include(inner)
                total.fields += inner.fields
                continue
            for member in self.supergraph.possible.get(condition, ()):
                if member in position.runtime:
                    self._resolve_on(position, member, sub, total)
        if nested and self.supergraph.is_abstract(position.type):
            self._add_typename(position, total)
        return total

    def _needs_expansion(self, position: Position, name: str) -> bool:
        if not self.supergraph.is_abstract(position.type):
            return False
        return not any(self.ownership.answers(w.graph, w.local, name, w.provided) for w in self.reach(position))

    def _resolve_on(self, position: Position, member: str, sub: FieldSet, total: Inputs) -> None:
        """Fields of one possible type; a type that cannot occur where the objects come from is left out."""
        inner = self._resolve(position.cast(member, self.ownership), sub)
        if inner is not None:
            total.include(inner)
            total.fields += [
                rep if rep.on else Representation(rep.name, rep.internal, rep.children, member) for rep in inner.fields
            ]

    def _add_typename(self, position: Position, total: Inputs) -> None:
        """Abstract objects within a representation say what they are."""
        ways = self.ways_for(position, TYPENAME)
        if ways and not any(rep.name == TYPENAME for rep in total.fields):
            item = position.inject(TYPENAME, "", self.ownership)
            way = min(ways, key=lambda candidate: candidate.cost)
            total.include(Inputs(way.level, way.buckets, [Pick(way, item)]))
            total.fields.insert(0, Representation(TYPENAME, item.internal))

    # -- leaves -----------------------------------------------------------------------------------------------

    def best_for(self, item: Item) -> Way | None:
        """The way to a leaf that adds the fewest rounds, then the fewest fetches."""
        ways = self.ways_for(item.position, item.name)
        only = item.position.restricted.get(id(item))
        if only is not None:
            ways = [way for way in ways if way.graph == only]
        ways = [way for way in ways if way.phase == self.draft.phase] or ways
        if not ways:
            return None
        order = {graph: index for index, graph in enumerate(self.supergraph.graphs)}

        def cost(way: Way) -> tuple[int, int, int, int]:
            tie = order[way.graph] if not self._prefer else -order[way.graph]
            return (max(way.level, self.draft.last_level), len(way.buckets), way.level, tie)

        return min(ways, key=cost)

    def take(self, item: Item, way: Way) -> None:
        """Commits a way and selects the leaf there."""
        cursor = self.draft.commit(way)
        cursor.selection.add(item, None)
        self._memo.clear()

    def take_from_cursor(self, item: Item) -> bool:
        """Selects the leaf where its object already is, if any cursor gives it."""
        best: Cursor | None = None
        only = item.position.restricted.get(id(item))
        for cursor in item.position.cursors:
            if only is not None and cursor.group.graph != only:
                continue
            if cursor.group.level < self.draft.first_level and item.position is self.root:
                continue
            if cursor.group.phase != self.draft.phase and not self._comes_along(item, cursor):
                continue
            answered = self.ownership.answers(cursor.group.graph, cursor.selection.type, item.name, cursor.provided)
            if answered and (best is None or cursor.group.level < best.group.level):
                best = cursor
        if best is None:
            return False
        if best.group.level > self.draft.first_level and len(self.ownership.owners(item.position.type, item.name)) > 1:
            earlier = [
                way for way in self.ways_for(item.position, item.name) if way.phase == self.draft.phase and is_free(way)
            ]
            way = min(earlier, key=lambda candidate: candidate.level, default=None)
            if way is not None and way.level < best.group.level:
                self.take(item, way)
                return True
        best.selection.add(item, None)
        return True

    def _comes_along(self, item: Item, cursor: Cursor) -> bool:
        """Whether a part around brings a field anyway, or so cheaply that no fetch is worth it."""
        taken = cursor.selection.fields.get(item.internal)
        return cursor.group.phase in self._around and (
            item.name == TYPENAME or (taken is not None and taken[0] is item)
        )
