"""The shape of an answer: which response names, of what types, in which order, for which object types."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
)

from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.position import Item, Order, Position


@dataclass(slots=True, eq=False)
class FieldShape:
    """A field of the answer. `wrappers` are the type's `[` and `!`, outermost first; `values` an enum's.

    `judged` says that the enum has values which clients may not see. `also` are further internal names: parts of the
    same value, asked of an interface and of one of its types. `streamed` says that later items of a list may follow.
    `service` is who brings it.
    """

    key: str
    internal: str
    name: str
    order: Order
    wrappers: tuple[str, ...] = ()
    values: frozenset[str] | None = None
    child: "ObjectShape | None" = None
    also: tuple[str, ...] = ()
    judged: bool = False
    streamed: bool = False
    service: str | None = None


@dataclass(slots=True, eq=False)
class ObjectShape:
    """Objects of one declared type. `typename` is None where the runtime type decides.

    `common` are fields of all objects, `by_type` of one type, both already merged for each possible type. `later` has
    what of the objects belongs to another part of the answer, by its phase; in the shape of a whole answer `divided`
    says that there is such.
    """

    declared: str
    typename: str | None
    common: list[FieldShape] = field(default_factory=list)
    by_type: dict[str, list[FieldShape]] = field(default_factory=dict)
    needs_type: bool = False
    possible: frozenset[str] = frozenset()
    # Whether objects can be of a type that clients may not see.
    hides: bool = False
    later: "dict[int, ObjectShape]" = field(default_factory=dict)
    divided: bool = False

    def fields_of(self, typename: str | None) -> list[FieldShape]:
        return self.by_type.get(typename, self.common) if typename is not None else self.common

    def variants(self, internal: str) -> Iterator[FieldShape]:
        """The visible fields that have this response name inside: for each type one, and one may put parts together
        that another has whole.
        """
        for fields in (self.common, *self.by_type.values()):
            for shape in fields:
                if shape.internal == internal or internal in shape.also:
                    yield shape

    def at(self, path: tuple[str, ...]) -> "list[ObjectShape]":
        """The shapes that objects at a plan's path can have; none inside the engine's own fields."""
        here = [self]
        for step in path:
            if step[0] != "|":
                here = children([variant for shape in here for variant in shape.variants(step)])
        return here


def children(variants: Iterable[FieldShape]) -> list[ObjectShape]:
    """What the objects of a field can look like."""
    return list({id(variant.child): variant.child for variant in variants if variant.child is not None}.values())


@dataclass(slots=True)
class ShapeMaker:
    """Makes shapes from positions. `hidden_enums` are those with values that clients may not see."""

    schema: GraphQLSchema
    hidden_enums: frozenset[str] = frozenset()

    def whole(self, position: Position, phase: int = 0) -> ObjectShape:
        """All that the client selected, to whichever part of the answer it belongs. `phase` is that of the objects."""
        shape = self._shape(position, None)
        shape.divided = bool(_phases(position) - {phase})
        return shape

    def part(self, position: Position, phase: int = 0) -> ObjectShape:
        """What belongs to one part of the answer, and below it what follows later."""
        shape = self._shape(position, phase)
        shape.later = {other: self._shape(position, other) for other in sorted(_phases(position) - {phase})}
        return shape

    def _shape(self, position: Position, phase: int | None) -> ObjectShape:
        declared = self.schema.type_map[position.type]
        abstract = is_abstract_type(declared)
        common = self._fields(position, phase)
        shape = ObjectShape(position.type, None if abstract else position.type, common)
        common.sort(key=lambda entry: entry.order)
        if not abstract:
            return shape
        possible = self.schema.get_possible_types(declared)  # type: ignore[arg-type]
        shape.hides = any(member not in self.schema.type_map for member in position.runtime)
        shape.possible = frozenset(member.name for member in possible)
        for name, cast in position.casts.items():
            own = self._fields(cast, phase)
            if own or cast.earlier:
                moved = [replace(entry, order=cast.earlier.get(entry.key, entry.order)) for entry in common]
                shape.by_type[name] = _merged([*moved, *own])
        shape.needs_type = any(
            item.name == TYPENAME for at in (position, *position.casts.values()) for item in at.items
        ) or bool(shape.by_type)
        return shape

    def _fields(self, position: Position, phase: int | None) -> list[FieldShape]:
        return [
            self._field(item, phase)
            for item in position.items
            if not item.hidden and (phase is None or item.phase == phase)
        ]

    def _field(self, item: Item, phase: int | None) -> FieldShape:
        streamed = item.stream is not None
        shape = FieldShape(item.key, item.internal, item.name, item.order, streamed=streamed, service=item.service)
        if item.api_type is None:
            return shape
        shape.wrappers = wrappers_of(item.api_type)
        named: Any = get_named_type(item.api_type)
        if isinstance(named, GraphQLEnumType):
            shape.values = frozenset(named.values)
            shape.judged = named.name in self.hidden_enums
        if item.children is not None:
            make = self.whole if phase is None else self.part
            shape.child = make(item.children, item.phase)
        return shape


def _phases(position: Position) -> set[int]:
    return {item.phase for at in (position, *position.casts.values()) for item in at.items if not item.hidden}


def _merged(fields: list[FieldShape]) -> list[FieldShape]:
    """One field for each response name; the children of an interface's and a type's field are put together."""
    by_key: dict[str, FieldShape] = {}
    for entry in sorted(fields, key=lambda entry: entry.order):
        known = by_key.get(entry.key)
        if known is not None and known.child is not None and entry.child is not None:
            also = (*known.also, entry.internal, *entry.also)
            entry = FieldShape(
                known.key,
                known.internal,
                known.name,
                known.order,
                known.wrappers,
                child=_join(known.child, entry.child),
                also=tuple(name for name in dict.fromkeys(also) if name != known.internal),
                streamed=known.streamed,
                service=known.service,
            )
        elif known is not None:
            continue
        by_key[entry.key] = entry
    return list(by_key.values())


def _join(first: ObjectShape, second: ObjectShape) -> ObjectShape:
    """Both shapes at once. Where they declare different types, the second counts for the types that it can be."""
    if first.typename is not None and second.typename is None:
        first, second = second, first
    if first.declared == second.declared:
        joined = ObjectShape(first.declared, first.typename, _merged([*first.common, *second.common]))
        others: frozenset[str] = frozenset()
    else:
        joined = ObjectShape(first.declared, first.typename, first.common)
        others = second.possible if second.typename is None else frozenset({second.typename})
    for name in dict.fromkeys([*first.by_type, *second.by_type, *sorted(others)]):
        joined.by_type[name] = _merged([*first.fields_of(name), *second.fields_of(name)])
    joined.needs_type = first.needs_type or second.needs_type or bool(others)
    joined.possible = first.possible
    joined.hides = first.hides or second.hides
    joined.divided = first.divided or second.divided
    for phase in (*first.later, *second.later):
        parts = [shape.later[phase] for shape in (first, second) if phase in shape.later]
        joined.later[phase] = parts[0] if len(parts) == 1 else _join(*parts)
    return joined


def wrappers_of(output_type: GraphQLOutputType) -> tuple[str, ...]:
    """`[User!]!` is `("!", "[", "!")`."""
    wrappers = []
    here: Any = output_type
    while isinstance(here, GraphQLNonNull | GraphQLList):
        wrappers.append("!" if isinstance(here, GraphQLNonNull) else "[")
        here = here.of_type
    return tuple(wrappers)
