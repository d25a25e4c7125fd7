"""Text of the functions that collect representations: which objects an entity fetch is asked to complete."""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from gateway.federation.fast.loops import Lines, Loops, function
from gateway.federation.fast.places import Kind, NotFast, Path, PlaceMap, Slot
from gateway.federation.fast.structs import Structs, attribute, define
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.plan import EntityPart, Plan, Representation, Target


@dataclass(slots=True)
class _Form:
    """Representations of one type with the same fields: the variable that holds what was found, by key; which values
    are bytes; the expression that makes one from `key`.
    """

    found: str
    raw: list[bool]
    made: str


class Collectors:
    """Makes `collect` functions. Parts that ask about the same objects share what was collected, encoded once."""

    def __init__(self, plan: Plan, places: PlaceMap, structs: Structs, loops: Loops) -> None:
        self._places = places
        self._structs = structs
        self._loops = loops
        self._asking = Counter(_asked(part) for fetch in plan.steps for part in fetch.entities)
        self._made_for: dict[Hashable, Any] = {}

    @property
    def memos(self) -> int:
        """How many results a run may have to remember."""
        return len(self._made_for)

    def collector(self, part: EntityPart) -> Any:
        asked = _asked(part)
        known = self._made_for.get(asked)
        if known is not None:
            return known
        lines = ["objects = []", "representations = []"]
        forms: dict[tuple[str, Any], _Form] = {}
        for target in part.targets:
            lines += self._of_target(target, forms)
        result = "objects, representations, encode(representations)"
        if self._asking[asked] > 1:
            memo = f"memos[{len(self._made_for)}]"
            lines = [f"if {memo} is not None: return {memo}", *lines, f"{memo} = {result}"]
            result = memo
        made = function("collect", "state, memos", [*lines, f"return {result}"], self._structs.names)
        self._made_for[asked] = made
        return made

    def _of_target(self, target: Target, forms: dict[tuple[str, Any], _Form]) -> Lines:
        """Objects are filed under the values of their representation, in the order in which they are found."""
        representation = self._representation(target)
        keys = list(_leaves(representation))
        kinds = [kind for _, found in self._places.at(target.path) for kind in found]
        raw = [self._is_raw(kinds, path) for path in keys]
        known = (target.typename, _names(representation))
        form = forms.get(known)
        lines: Lines = []
        new = "{0}"
        if form is None:
            form = forms[known] = _Form(
                f"found{len(forms)}", raw, self._made(representation, _values(raw), target.typename)
            )
            lines.append(f"{form.found} = defaultdict(list)")
        elif form.raw != raw:
            raise NotFast("a representation has values of several types")
        else:
            lines.append(f"known = len({form.found})")
            new = "islice({0}, known, None)"
        filing = partial(_filing, found=form.found, keys=keys, raw=raw)
        return [
            *lines,
            *self._loops.along(target.path, filing),
            f"objects += {new.format(form.found + '.values()')}",
            f"representations += [{form.made} for key in {new.format(form.found)}]",
        ]

    def _representation(self, target: Target) -> tuple[Representation, ...]:
        names = {kind.name for _, kinds in self._places.at(target.path) for kind in kinds}
        if len(names) > 1 and any(rep.on is not None for rep in target.representation):
            raise NotFast("a representation depends on the type of an object")
        return tuple(rep for rep in target.representation if rep.on is None or rep.on in names)

    def _is_raw(self, kinds: list[Kind], path: Path) -> bool:
        """Whether a value of a representation is told apart by its bytes."""
        slots = self._slots(kinds, path[0])
        for step in path[1:]:
            places = {slot.place for slot in slots}
            place = places.pop()
            if place is None or places or any("[" in slot.wrappers for slot in slots):
                raise NotFast("a representation has lists of objects")
            slots = self._slots(list(place.kinds.values()), step)
        types = {self._structs.type_of(slot, slot.read) is msgspec.Raw for slot in slots}
        if len(types) > 1:
            raise NotFast("a representation has values of several types")
        return types.pop()

    def _slots(self, kinds: list[Kind], name: str) -> list[Slot]:
        if any(name not in kind.slots for kind in kinds):
            raise NotFast("a representation reads what is not there")
        return [kind.slots[name] for kind in kinds]

    def _made(self, level: tuple[Representation, ...], values: Iterator[str], tag: str | None) -> str:
        """The expression that makes a representation of its values."""
        members = [(f"m{number}", Any, msgspec.NODEFAULT, rep.name) for number, rep in enumerate(level)]
        made = self._structs.add(define("Representation", members, tag, positional=True))
        given = [self._made(rep.children, values, None) if rep.children else next(values) for rep in level]
        return f"{made}({', '.join(given)})"


def _filing(one: str, found: str, keys: list[Path], raw: list[bool]) -> Lines:
    """The lines that file one object under its key."""
    lines: Lines = []
    names = [f"k{number}" for number in range(len(keys))]
    for name, path, is_raw in zip(names, keys, raw, strict=True):
        value = ".".join([one, *map(attribute, path)])
        if is_raw:
            lines += [f"{name} = bytes({value})", f"if {name} == b'null': {name} = None"]
        else:
            lines += [f"{name} = {value}"]
    key = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return [*lines, f"if {' is None and '.join(names)} is None: raise Surprise", f"{found}[{key}].append({one})"]


def _values(raw: list[bool]) -> Iterator[str]:
    """The values of a representation, as they are taken from its key."""
    for number, is_raw in enumerate(raw):
        value = "key" if len(raw) == 1 else f"key[{number}]"
        yield f"None if {value} is None else Raw({value})" if is_raw else value


def _asked(part: EntityPart) -> Hashable:
    return tuple((target.path, target.typename, target.representation) for target in part.targets)


def _leaves(fields: tuple[Representation, ...], path: Path = ()) -> Iterator[Path]:
    for rep in fields:
        if rep.name == TYPENAME or (path and rep.on is not None):
            raise NotFast("a representation depends on the type of an object")
        if rep.children:
            yield from _leaves(rep.children, (*path, rep.internal))
        else:
            yield (*path, rep.internal)


def _names(fields: tuple[Representation, ...]) -> tuple[Any, ...]:
    return tuple((rep.name, _names(rep.children)) for rep in fields)
