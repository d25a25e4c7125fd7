"""A plan in the making: the fetches that are decided, and what is selected in them."""

from typing import TypeVar

from gateway.federation.planner.groups import Cursor, Group, merge_inputs
from gateway.federation.planner.ownership import Ownership
from gateway.federation.planner.plan import Representation
from gateway.federation.planner.ways import NOTHING_NEW, Bucket, Inputs, Way

_T = TypeVar("_T")


class Draft:
    """`phase` is the part of the answer that is being planned; its first fetches are made in `first_level`."""

    def __init__(self, ownership: Ownership) -> None:
        self.groups: list[Group] = []
        self.first_level = 1
        self.last_level = 0
        self.phase = 0
        self._ownership = ownership
        self._buckets: set[Bucket] = set()

    def new(self, graph: str, level: int) -> frozenset[Bucket]:
        """What a fetch would add: nothing where that subgraph is asked in that round anyway."""
        bucket = (graph, level, self.phase)
        return NOTHING_NEW if bucket in self._buckets else frozenset({bucket})

    def commit(self, way: Way) -> Cursor:
        """Decides on a way, and on all that it comes from; gives where its objects are selected."""
        if way.cursor is not None:
            return way.cursor
        if way.kind == "root":
            cursor = self._new_cursor(way, self._group(way))
        elif way.kind == "requery":
            source = self.commit(_given(way.source))
            cursor = self._new_cursor(way, self._group(way))
            cursor.group.deps.add(source.group)
        elif way.kind == "entity":
            inputs = _given(way.inputs)
            deps = self._take_picks(inputs)
            for source in way.position.cursors:
                deps |= source.needs
            group = self._group(way, inputs.fields)
            group.deps |= deps - {group}
            cursor = self._new_cursor(way, group)
        elif way.kind == "step":
            parent = self.commit(_given(way.source))
            selection = parent.selection.add(_given(way.item), way.local)
            cursor = self._existing(way, parent.group, _given(selection)) or Cursor(
                parent.group, _given(selection), way.provided, parent.needs
            )
        else:
            base = self.commit(_given(way.source))
            if way.inputs is not None:
                needs = base.needs | self._take_picks(way.inputs)
                cursor = Cursor(base.group, base.selection, way.provided, needs)
            else:
                local = self._ownership.local(way.graph, base.selection.type)
                selection = base.selection
                if local is not None and local.abstract:
                    selection = selection.cast(way.local)
                else:
                    # The subgraph knows the one type; whoever reads the answer knows only what the schema says.
                    selection.typename = True
                cursor = self._existing(way, base.group, selection) or Cursor(
                    base.group, selection, way.provided, base.needs
                )
        if cursor not in way.position.cursors:
            way.position.cursors.append(cursor)
        way.cursor = cursor
        return cursor

    def _existing(self, way: Way, group: Group, selection: object) -> Cursor | None:
        for cursor in way.position.cursors:
            if cursor.group is group and cursor.selection is selection:
                return cursor
        return None

    def _new_cursor(self, way: Way, group: Group) -> Cursor:
        return self._existing(way, group, group.selection) or Cursor(group, group.selection, way.provided)

    def _take_picks(self, inputs: Inputs) -> set[Group]:
        deps: set[Group] = set()
        for pick in inputs.picks:
            source = self.commit(pick.way)
            source.selection.add(pick.item, None)
            deps.add(source.group)
            deps |= source.needs
        return deps

    def _group(self, way: Way, inputs: list[Representation] | None = None) -> Group:
        """The fetch that a way ends in."""
        for group in self.groups:
            if (
                group.graph == way.graph
                and group.position is way.position
                and group.local == way.local
                and group.level == way.level
                and group.phase == self.phase
                and group.entity == (inputs is not None)
                and (inputs is None or merge_inputs(group.inputs, inputs))
            ):
                return group
        entity = inputs is not None
        group = Group(way.graph, way.level, way.position, way.local, entity, len(self.groups), self.phase)
        if inputs is not None:
            merge_inputs(group.inputs, inputs)
        self.groups.append(group)
        self._buckets.add((way.graph, way.level, self.phase))
        self.last_level = max(self.last_level, way.level)
        return group


def _given(value: _T | None) -> _T:
    if value is None:
        raise AssertionError("a way lacks what its kind promises")
    return value
