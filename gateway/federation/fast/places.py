"""Where objects stand in an answer, of which types they can be, and which fetch brings which of their fields.

A *place* is one path of the answer at which objects are taken apart: because another fetch completes them, because
their type decides what is shown, or because a field that the client did not ask for has to go. Everything else passes
through untouched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.federation.decode import DecoderMaker, passes
from gateway.federation.planner.emit import print_selection
from gateway.federation.planner.groups import Selection
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.plan import Plan
from gateway.federation.planner.position import Item
from gateway.federation.shape import FieldShape, ObjectShape

Path = tuple[str, ...]
# A fetch by its id, and the alias of its `_entities` selection (None: its root fields).
Source = tuple[int, str | None]
# A source, and which of its selections.
Origin = tuple[Source, int]
_Parts = list[tuple[Item, Selection | None]]


class NotFast(Exception):
    """The plan has something that only the careful way can judge; the text says what."""


@dataclass(slots=True, eq=False)
class Slot:
    """A field of the objects of one kind. `place` is where its own objects stand; None when it passes through.

    `source` brings it, where it is not what brings the objects; `read` says that a representation has its value.
    """

    name: str
    declared: str
    wrappers: tuple[str, ...]
    hidden: bool
    source: Source | None
    read: bool
    composite: bool
    place: "Place | None" = None


@dataclass(slots=True, eq=False)
class Kind:
    """The objects of one type at a place. `name` is None where they may be of any: nothing depends on it."""

    name: str | None
    shown: list[FieldShape]
    slots: dict[str, Slot] = field(default_factory=dict)

    @property
    def hidden(self) -> tuple[str, ...]:
        return tuple(slot.name for slot in self.slots.values() if slot.hidden)

    def lacks(self) -> bool:
        return any(shown.name != TYPENAME and shown.internal not in self.slots for shown in self.shown)


@dataclass(slots=True, eq=False)
class Place:
    """`kinds` by type name; an object of another type is a surprise.

    `origins` says who brings the objects into being: selections of fetches, or None for those that bring the parent's.
    A field has one place for all types of the parent of which the same is asked there; it is `merged` when that is
    asked of each apart. `seen` says whether the client asked for the objects.
    """

    path: Path
    shape: ObjectShape
    kinds: dict[str | None, Kind]
    wrappers: tuple[str, ...] = ()
    seen: bool = True
    parent: "Place | None" = None
    selections: list[Selection] = field(default_factory=list)
    origins: dict[Origin | None, None] = field(default_factory=dict)
    children: list["Place"] = field(default_factory=list)
    merged: bool = False

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def typed(self) -> bool:
        """Whether an object's own `__typename` tells its kind."""
        return self.shape.typename is None and None not in self.kinds

    @property
    def ordered(self) -> bool:
        """Whether objects come from one source, in the order of the answer."""
        if self.parent is None:
            return True
        return not self.merged and len(self.origins) == 1 and (None not in self.origins or self.parent.ordered)

    def leading_to(self, child: "Place", source: Source | None) -> list[Kind]:
        """The kinds of which a field, brought by that source, holds the child's objects."""
        slots = ((kind, kind.slots.get(child.name)) for kind in self.kinds.values())
        return [kind for kind, slot in slots if slot is not None and slot.place is child and slot.source == source]


class PlaceMap:
    """All places of a plan, parents before children. Raises NotFast."""

    def __init__(self, plan: Plan, maker: DecoderMaker, shape: ObjectShape) -> None:
        self.root = Place((), shape, {shape.typename: Kind(shape.typename, shape.common)})
        self.all = [self.root]
        # What each source selects: objects of which kind at which place, and the response names that it brings.
        self._selected: dict[Source, list[tuple[Place, Kind, list[str]]]] = {}
        self._maker = maker
        for fetch in plan.steps:
            if fetch.at:
                raise NotFast("a nested root type is asked again")
            for alias, entries in maker.layout[fetch.id].items():
                for number, (path, selection) in enumerate(entries):
                    self._add(path, selection, ((fetch.id, alias), number))
        for place in self.all:
            _keep_what_can_occur(place)

    def at(self, path: Path) -> list[tuple[Place, list[Kind]]]:
        """The places to which a plan's path leads, and of which kinds it means the objects there."""
        found = [(self.root, list(self.root.kinds.values()))]
        for step in path:
            if step[0] == "|":
                narrowed = [(place, [kind for kind in kinds if kind.name == step[1:]]) for place, kinds in found]
                found = [(place, kinds) for place, kinds in narrowed if kinds]
            else:
                slots = [kind.slots[step] for _, kinds in found for kind in kinds if step in kind.slots]
                below = dict.fromkeys(slot.place for slot in slots)
                found = [(place, list(place.kinds.values())) for place in below if place is not None]
                if None in below:
                    raise NotFast("objects are completed that pass through")
        if not found:
            raise NotFast("objects are completed of a type that is not known")
        return found

    def brought_by_type(self, source: Source) -> dict[str | None, dict[str, list[Slot]]]:
        """The fields that a source brings, for each type of which its objects can be."""
        found: dict[str | None, dict[str, list[Slot]]] = {}
        for kind, names in self._brought(source):
            fields = found.setdefault(kind.name, {})
            for name in names:
                fields.setdefault(name, []).append(kind.slots[name])
        return found

    def kinds_of(self, source: Source, typename: str | None) -> list[Kind]:
        """The kinds of that type for which a source brings something."""
        return list(dict.fromkeys(kind for kind, _ in self._brought(source) if kind.name == typename))

    def _brought(self, source: Source) -> Iterator[tuple[Kind, list[str]]]:
        for place, kind, names in self._selected[source]:
            if kind in place.kinds.values():
                yield kind, names

    def _add(self, path: Path, selection: Selection, origin: Origin) -> None:
        brought = self._selected.setdefault(origin[0], [])
        for place, kinds in self.at(path):
            for kind in kinds:
                brought.append((place, kind, self._fill(place, kind, [selection], origin)))

    def _fill(self, place: Place, kind: Kind, selections: list[Selection], origin: Origin | None) -> list[str]:
        """Adds what selections bring for one kind; gives the names of what is new."""
        new = []
        for internal, parts in _selected(kind, selections).items():
            known = kind.slots.get(internal)
            if known is None:
                kind.slots[internal] = self._slot(place, kind, internal, parts, origin)
                new.append(internal)
            elif origin is not None and known.source == origin[0]:
                if known.place is not None:
                    known.place.origins[origin] = None
            elif known.composite or not place.ordered:
                # Two fetches bring the same leaf: either value is right. Objects would have to be merged.
                raise NotFast("two fetches bring parts of the same objects")
        return new

    def _slot(self, place: Place, kind: Kind, internal: str, parts: _Parts, origin: Origin | None) -> Slot:
        named, wrappers = self._maker.declared(parts[0][0])
        shown = next((shown for shown in kind.shown if shown.internal == internal), None)
        if shown is not None:
            wrappers = shown.wrappers
        below = [selection for _, selection in parts if selection is not None]
        read = self._maker.reads(place.path, internal)
        slot = Slot(internal, named, wrappers, shown is None, origin and origin[0], read, bool(below))
        if below and (read or shown is None or not _passes(shown, below)):
            slot.place = self._below(place, slot, shown.child if shown is not None else None, below)
            slot.place.origins[origin] = None
        return slot

    def _below(self, parent: Place, slot: Slot, shape: ObjectShape | None, below: list[Selection]) -> Place:
        """Where the objects of a field stand; `shape` is None where the client does not see them."""
        seen = shape is not None
        shape = shape or ObjectShape(slot.declared, slot.declared)
        for known in parent.children:
            alike = known.name == slot.name and known.wrappers == slot.wrappers and known.seen is seen
            if alike and _equal_shapes(known.shape, shape) and _equal(known.selections, below):
                known.merged = known.merged or known.selections != below
                return known
        if not seen and any(selection.casts or selection.typename for selection in below):
            raise NotFast("objects that the client does not see are of several types")
        path = (*parent.path, slot.name)
        place = Place(path, shape, _kinds(shape, below), slot.wrappers, seen, parent, below)
        parent.children.append(place)
        self.all.append(place)
        for kind in place.kinds.values():
            self._fill(place, kind, below, None)
        return place


def _passes(shown: FieldShape, below: list[Selection]) -> bool:
    return shown.child is not None and not shown.also and len(below) == 1 and passes(shown.child, below[0])


def _equal(first: list[Selection], second: list[Selection]) -> bool:
    """Whether the same is asked."""
    return first == second or [print_selection(one, {}) for one in first] == [
        print_selection(one, {}) for one in second
    ]


def _equal_shapes(first: ObjectShape, second: ObjectShape) -> bool:
    """Whether the client sees the same, and under the same conditions."""
    if first is second:
        return True
    return (
        (first.declared, first.typename, first.needs_type) == (second.declared, second.typename, second.needs_type)
        and first.by_type.keys() == second.by_type.keys()
        and _equal_fields(first.common, second.common)
        and all(_equal_fields(fields, second.by_type[name]) for name, fields in first.by_type.items())
    )


def _equal_fields(first: list[FieldShape], second: list[FieldShape]) -> bool:
    return len(first) == len(second) and all(
        (one.key, one.internal, one.name, one.wrappers, one.judged, one.also)
        == (other.key, other.internal, other.name, other.wrappers, other.judged, other.also)
        and (one.child is None) is (other.child is None)
        and (one.child is None or other.child is None or _equal_shapes(one.child, other.child))
        for one, other in zip(first, second, strict=True)
    )


def _kinds(shape: ObjectShape, selections: list[Selection]) -> dict[str | None, Kind]:
    if shape.typename is not None:
        return {shape.typename: Kind(shape.typename, shape.fields_of(shape.typename))}
    if any(selection.typename or TYPENAME in selection.fields for selection in selections):
        return {name: Kind(name, shape.fields_of(name)) for name in sorted(shape.possible)}
    if shape.needs_type:
        raise NotFast("another fetch tells the type of an object")
    return {None: Kind(None, shape.common)}


def _selected(kind: Kind, selections: list[Selection]) -> dict[str, _Parts]:
    """What is selected on objects of one kind, by response name; `__typename` is known without."""
    fields: dict[str, _Parts] = {}
    for selection in selections:
        casts = [selection.casts[kind.name]] if kind.name in selection.casts else []
        for part in (selection, *casts):
            for internal, entry in part.fields.items():
                if entry[0].name != TYPENAME:
                    fields.setdefault(internal, []).append(entry)
    return fields


def _keep_what_can_occur(place: Place) -> None:
    """Of a type whose fields nobody brings no object can come."""
    for kind in place.kinds.values():
        if any(shown.judged or shown.also for shown in kind.shown):
            raise NotFast("a value has to be judged or put together")
    place.kinds = {name: kind for name, kind in place.kinds.items() if not kind.lacks()}
    if not place.kinds:
        raise NotFast("a field is brought by no fetch")
