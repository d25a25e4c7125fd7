"""Decoders made for a plan: what only passes through is never materialised.

Every fetch gets a type for its response in which a subtree that nobody has to judge is `msgspec.Raw`: bytes in, bytes
out. A subtree is judged where another fetch joins, where a representation is read, where the client's names, order
or types differ from what the subgraph was asked, and where a value may be one that the public schema does not show.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from gateway.federation.planner.emit import Layout
from gateway.federation.planner.groups import Selection
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.plan import Fetch, Plan, Representation
from gateway.federation.planner.position import Item
from gateway.federation.shape import FieldShape, ObjectShape, children

Path = tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """A selection with the place that it fills, and the shapes that objects can have there."""

    path: Path
    shapes: list[ObjectShape]
    selection: Selection

    def variants(self, internal: str) -> list[FieldShape]:
        return [variant for shape in self.shapes for variant in shape.variants(internal)]


class DecoderMaker:
    """Makes the decoder of each fetch of one plan."""

    def __init__(self, ownership: Ownership, plan: Plan, layout: Layout, shape: ObjectShape) -> None:
        self._ownership = ownership
        self._shape = shape
        self.layout = layout
        self._touched: set[tuple[Path, str]] = set()
        self._selected: Counter[tuple[Path, str]] = Counter()
        for fetch in plan.steps:
            self._touch_path(fetch.at)
            for part in fetch.entities:
                for target in part.targets:
                    self._touch_path(target.path)
                    self._touch_fields(_plain(target.path), target.representation)
        for groups in layout.values():
            for path, selection in (entry for entries in groups.values() for entry in entries):
                self._selected.update(set(_composites(_plain(path), selection)))

    def decoder(self, fetch: Fetch) -> "msgspec.json.Decoder[Any]":
        """Decodes a response of this fetch into dicts with `Raw` leaves. Raises msgspec.ValidationError."""
        groups = self.layout[fetch.id]
        built = {
            alias: self._build([_Node(_plain(path), self._shape.at(path), sel) for path, sel in entries])
            for alias, entries in groups.items()
        }
        entities = {alias: _list_of(entity) for alias, entity in built.items() if alias is not None}
        data = built[None] if None in built else _typed_dict("Data", entities)
        response = {"data": data | None, "errors": list[Any] | None, "extensions": Any}
        return msgspec.json.Decoder(_typed_dict("Response", response))

    def declared(self, item: Item) -> tuple[str, tuple[str, ...]]:
        """The innermost type of a field as the supergraph declares it, and its `[` and `!`, outermost first."""
        field = self._ownership.supergraph.types[item.position.type][item.name]
        # In `[User!]!` what closes a list or is required stands in the reverse order behind the name.
        after = field.shape.rpartition(field.named)[2].replace("]", "[")
        return field.named, tuple(reversed(after))

    def reads(self, path: Path, internal: str) -> bool:
        """Whether a representation reads this field, or another fetch joins below it."""
        return (path, internal) in self._touched

    def _touch_path(self, path: Path) -> None:
        plain = _plain(path)
        for length, step in enumerate(plain):
            self._touched.add((plain[:length], step))

    def _touch_fields(self, path: Path, fields: tuple[Representation, ...]) -> None:
        for field in fields:
            self._touched.add((path, field.internal))
            self._touch_fields((*path, field.internal), field.children)

    def _build(self, nodes: list[_Node]) -> Any:
        entries: dict[str, list[tuple[_Node, Item, Selection | None]]] = {}
        members: dict[str, Any] = {}
        for node in nodes:
            for selection in (node.selection, *node.selection.casts.values()):
                if selection.typename:
                    members[TYPENAME] = Any
                for internal, (item, below) in selection.fields.items():
                    entries.setdefault(internal, []).append((node, item, below))
        for internal, found in entries.items():
            members[internal] = self._member(internal, found)
        return _typed_dict("Object", members)

    def _member(self, internal: str, found: list[tuple[_Node, Item, Selection | None]]) -> Any:
        if internal == TYPENAME:
            return Any
        if all(self._is_raw(internal, node, below) for node, _, below in found):
            return msgspec.Raw
        nodes = []
        for node, _, below in found:
            if below is None:
                return Any
            nodes.append(_Node((*node.path, internal), children(node.variants(internal)), below))
        built: Any = self._build(nodes) | None
        item = found[0][1]
        declared = self._ownership.supergraph.types[item.position.type][item.name]
        for _ in range(declared.shape.count("[")):
            built = _list_of(built)
        return built

    def _is_raw(self, internal: str, node: _Node, below: Selection | None) -> bool:
        variants = node.variants(internal)
        if not variants or (node.path, internal) in self._touched:
            return False
        if any(variant.judged or variant.also or variant.streamed for variant in variants):
            return False
        if below is None:
            return True
        alone = self._selected[node.path, internal] == 1
        return alone and all(variant.child is not None and passes(variant.child, below) for variant in variants)


def passes(shape: ObjectShape, selection: Selection) -> bool:
    """Whether what a subgraph answers to a selection is the client's answer as it stands."""
    if (
        shape.divided
        or selection.casts
        or shape.by_type
        or shape.hides
        or (selection.typename and TYPENAME not in selection.fields)
    ):
        return False
    printed = sorted(selection.fields.values(), key=lambda entry: entry[0].order)
    if len(printed) != len(shape.common):
        return False
    return all(_passes_field(field, item, below) for field, (item, below) in zip(shape.common, printed, strict=True))


def _passes_field(field: FieldShape, item: Item, below: Selection | None) -> bool:
    if field.key != item.internal or field.internal != item.internal or field.judged or field.also or item.hidden:
        return False
    if field.streamed:
        return False
    if field.child is None:
        return below is None
    return below is not None and passes(field.child, below)


def _list_of(element: Any) -> Any:
    return list[element | None] | None


def _typed_dict(name: str, members: dict[str, Any]) -> Any:
    # Made while running, from names that are data: no checker can follow.
    make: Any = TypedDict
    return make(name, members, total=False)


def _plain(path: Path) -> Path:
    return tuple(step for step in path if step[0] != "|")


def _composites(path: Path, selection: Selection) -> Iterator[tuple[Path, str]]:
    for part in (selection, *selection.casts.values()):
        for internal, (_, below) in part.fields.items():
            if below is not None:
                yield path, internal
                yield from _composites((*path, internal), below)
