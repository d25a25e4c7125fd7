"""Structs for the places of a plan: objects are decoded into them and encoded as they stand.

Where the client sees other names than the subgraph gave, or where `__typename` told the type, there are two structs of
the same attributes: one as an object is read, one as it is shown. An object becomes what is shown by taking the other
one as its class, which Python allows because both are laid out alike; nothing is copied.
"""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from gateway.federation.fast.places import Kind, NotFast, Place, PlaceMap, Slot, Source
from gateway.federation.planner.ownership import TYPENAME

# Scalars that are told apart by their value; others by their bytes.
_COMPARABLE: dict[str, Any] = {"ID": str | int, "String": str, "Int": int, "Boolean": bool}
# Attribute, type, default, the name that is read (None: it is a constant) and the name that is shown.
_Member = tuple[str, Any, Any, str | None, str]


class Structs:
    """Made when they are first asked for. `names` are those by which generated text knows them."""

    def __init__(self, places: PlaceMap) -> None:
        self._places = places
        self._types: dict[Place, Any] = {}
        self._read: dict[Kind, str] = {}
        self._shown: dict[Kind, str] = {}
        self.names: dict[str, Any] = {}

    def root(self) -> Any:
        """What the encoded `data` is made from."""
        (kind,) = self._places.root.kinds.values()
        return define("Root", [(name, of, default, shown) for name, of, default, _, shown in self._members(kind)])

    def read(self, kind: Kind) -> str:
        """The name of the struct that objects of this kind are decoded into."""
        return self._read[kind]

    def showing(self, place: Place, variable: str) -> list[str]:
        """The line that gives an object the struct that it is encoded as, where that is another one."""
        pairs = {self._read[kind]: self._shown[kind] for kind in place.kinds.values() if kind in self._read}
        if all(read == shown for read, shown in pairs.items()):
            return []
        if len(pairs) == 1:
            return [f"{variable}.__class__ = {shown}" for shown in pairs.values()]
        shown = self.add({self.names[read]: self.names[shown] for read, shown in pairs.items()})
        return [f"{variable}.__class__ = {shown}[{variable}.__class__]"]

    def type_of(self, slot: Slot, read: bool) -> Any:
        """What a field is decoded as; `read` says that somewhere a representation has its value."""
        if slot.place is not None:
            return _wrapped(self._objects(slot.place), slot.place.wrappers)
        known = _COMPARABLE.get(slot.declared)
        return known | None if read and known is not None and "[" not in slot.wrappers else msgspec.Raw

    def carrier(self, source: Source) -> Any:
        """What a source answers for each object (or for the root): what only some types have may be unset."""
        types = self._places.brought_by_type(source)
        members = []
        for name in dict.fromkeys(name for fields in types.values() for name in fields):
            slots = [slot for fields in types.values() for slot in fields.get(name, ())]
            if len({slot.place for slot in slots}) > 1:
                raise NotFast("one selection brings objects for several places")
            of = self.type_of(slots[0], any(slot.read for slot in slots))
            everywhere = all(name in fields for fields in types.values())
            members.append((attribute(name), of, msgspec.NODEFAULT if everywhere else msgspec.UNSET, name))
        return define("Carrier", members)

    def add(self, made: Any) -> str:
        """Gives something a name in generated text."""
        name = f"S{len(self.names)}"
        self.names[name] = made
        return name

    def _objects(self, place: Place) -> Any:
        made = self._types.get(place)
        if made is None:
            kinds = [self._define(kind, kind.name if place.typed else None) for kind in place.kinds.values()]
            made = self._types[place] = reduce(or_, kinds)
        return made

    def _define(self, kind: Kind, tag: str | None) -> Any:
        members = self._members(kind)
        shown = [(name, of, default, shown) for name, of, default, _, shown in members]
        if tag is None and all(read is None or read == shown for _, _, _, read, shown in members):
            made = define("Object", shown)
            self._read[kind] = self._shown[kind] = self.add(made)
            return made
        # A name that begins with a digit is nobody's.
        read = [(name, of, default, read or f"{n}") for n, (name, of, default, read, _) in enumerate(members)]
        made = define("Object", read, tag)
        self._read[kind], self._shown[kind] = self.add(made), self.add(define("Shown", shown))
        return made

    def _members(self, kind: Kind) -> list[_Member]:
        """The fields that the client sees, in its order, then the others, under names that are none of those."""
        members: list[_Member] = []
        for number, field in enumerate(kind.shown):
            if field.name == TYPENAME:
                constant = msgspec.Raw(msgspec.json.encode(kind.name))
                members.append((f"t{number}_", msgspec.Raw, constant, None, field.key))
            else:
                members.append(self._member(kind.slots[field.internal], field.key))
        taken = {field.key for field in kind.shown}
        for number, name in enumerate(kind.hidden):
            members.append(self._member(kind.slots[name], f"{number}" if name in taken else name))
        return members

    def _member(self, slot: Slot, shown: str) -> _Member:
        if slot.source is not None:
            return attribute(slot.name), Any, msgspec.UNSET, slot.name, shown
        return attribute(slot.name), self.type_of(slot, slot.read), msgspec.NODEFAULT, slot.name, shown


def define(
    name: str, members: list[tuple[str, Any, Any, str]], tag: str | None = None, positional: bool = False
) -> Any:
    """A struct of members: attribute, type, default, name in JSON."""
    return msgspec.defstruct(
        name,
        [(attribute, of, msgspec.field(default=default)) for attribute, of, default, _ in members],
        rename={attribute: called for attribute, _, _, called in members},
        gc=False,
        kw_only=not positional,
        tag=tag,
        tag_field=TYPENAME if tag is not None else None,
    )


def attribute(name: str) -> str:
    """The attribute for a response name."""
    return f"f_{name}"


def _wrapped(made: Any, wrappers: tuple[str, ...]) -> Any:
    """The struct with its lists and nulls around it, as the public schema has them."""
    if wrappers[:1] == ("!",):
        return _listed(_wrapped(made, wrappers[2:])) if wrappers[1:] else made
    return (_listed(_wrapped(made, wrappers[1:])) if wrappers else made) | None


def _listed(element: Any) -> Any:
    return list[element]
