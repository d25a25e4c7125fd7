"""Where objects stand in an answer, and which fetch brings which of their fields.

A *place* is one path of the answer at which objects are taken apart, because another fetch completes them or because
a field that the client did not ask for has to go. Everything else passes through untouched.
"""

from dataclasses import dataclass, field

from gateway.federation.decode import DecoderMaker
from gateway.federation.planner.groups import Selection
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.plan import Plan
from gateway.federation.planner.position import Item
from gateway.federation.shape import ObjectShape

Path = tuple[str, ...]
# A fetch by its id, and the alias of its `_entities` selection (None: its root fields).
Source = tuple[int, str | None]


class NotFast(Exception):
    """The plan has something that only the careful way can judge; the text says what."""


@dataclass(slots=True, eq=False)
class Slot:
    """A field of the objects at a place. `place` is where its own objects stand; None when it passes through."""

    name: str
    source: Source
    declared: str
    listed: bool
    hidden: bool
    wrappers: tuple[str, ...] = ()
    composite: bool = False
    place: "Place | None" = None


@dataclass(slots=True, eq=False)
class Place:
    """`source` brings the objects into being; `base` is the path at which its selection starts."""

    path: Path
    shape: ObjectShape
    source: Source
    base: Path
    slots: dict[str, Slot] = field(default_factory=dict)

    @property
    def hidden(self) -> list[str]:
        return [slot.name for slot in self.slots.values() if slot.hidden]


class PlaceMap:
    """All places of a plan, by path. Raises NotFast."""

    def __init__(self, plan: Plan, maker: DecoderMaker, shape: ObjectShape) -> None:
        self.root = Place((), shape, (0, None), ())
        self.by_path: dict[Path, Place] = {(): self.root}
        # What each source selects, as (place that its fields go to, response names).
        self.brought: dict[Source, list[tuple[Place, list[str]]]] = {}
        self._maker = maker
        for fetch in plan.steps:
            if fetch.at:
                raise NotFast("a nested root type is asked again")
            for alias, entries in maker.layout[fetch.id].items():
                for path, selection in entries:
                    self._add(path, selection, (fetch.id, alias), several=len(entries) > 1)
        for place in self.by_path.values():
            _check_complete(place)

    def _add(self, path: Path, selection: Selection, source: Source, several: bool) -> None:
        if any(step[0] == "|" for step in path):
            raise NotFast("an entity fetch completes objects of one type among others")
        place = self.by_path.get(path)
        if place is None:
            raise NotFast("objects are completed that pass through")
        before = set(place.slots)
        self._fill(place, selection, source, path)
        names = [name for name in selection.fields if name not in before]
        if several and any(place.slots[name].place is not None for name in names):
            raise NotFast("one selection brings objects for several places")
        self.brought.setdefault(source, []).append((place, names))

    def _fill(self, place: Place, selection: Selection, source: Source, base: Path) -> None:
        if selection.casts or selection.typename:
            raise NotFast("objects are of several types")
        for internal, (item, below) in selection.fields.items():
            known = place.slots.get(internal)
            if known is not None:
                # Two fetches bring the same leaf: either value is right. Objects would have to be merged.
                if below is not None or known.place is not None:
                    raise NotFast("two fetches bring parts of the same objects")
                known.hidden = known.hidden and item.hidden
                continue
            place.slots[internal] = self._slot(place, internal, item, below, source, base)

    def _slot(
        self, place: Place, internal: str, item: Item, below: Selection | None, source: Source, base: Path
    ) -> Slot:
        declared, listed = self._maker.declared(item) if item.name != TYPENAME else ("String", False)
        found = place.shape.find(internal)
        wrappers = found.wrappers if found is not None else ()
        slot = Slot(internal, source, declared, listed, item.hidden, wrappers, below is not None)
        if below is None or self._maker.is_raw(internal, place.path, place.shape, below):
            return slot
        if found is None or found.child is None:
            raise NotFast("objects are asked for that the client does not see")
        slot.place = Place((*place.path, internal), found.child, source, base)
        self.by_path[slot.place.path] = slot.place
        self._fill(slot.place, below, source, base)
        return slot


def _check_complete(place: Place) -> None:
    shape = place.shape
    if shape.by_type or shape.hides or (shape.typename is None and shape.needs_type):
        raise NotFast("the answer depends on the type of an object")
    for shown in shape.common:
        if shown.judged or shown.also or (shown.key != shown.internal and shown.name != TYPENAME):
            raise NotFast("a value has to be judged or renamed")
        if shown.name != TYPENAME and shown.internal not in place.slots:
            raise NotFast("a field is brought by no fetch")
    visible = {shown.internal for shown in shape.common}
    for slot in place.slots.values():
        slot.hidden = slot.name not in visible
