"""Text of the functions that collect representations: which objects an entity fetch is asked to complete."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from gateway.federation.fast.loops import Lines, Loops, block, function
from gateway.federation.fast.places import Kind, NotFast, Path, PlaceMap, Slot, Source
from gateway.federation.fast.structs import Structs, attribute, define
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.plan import EntityPart, Fetch, Plan, Representation, Target


@dataclass(slots=True)
class _Form:
    """Representations of one type with the same fields: the variable that holds what was found, by key; which values
    are bytes; the expression that makes one from `key`.
    """

    found: str
    raw: list[bool]
    made: str


@dataclass(slots=True)
class _Groups:
    """Objects that stand for the same entity, as an earlier fetch has collected and completed them.

    `memo` is where a run keeps them, a list of groups for each target; `targets` tells which list, by path.
    """

    memo: int
    targets: dict[Path, int]


class Collectors:
    """Makes `collect` functions.

    Parts that ask about the same objects share what was collected, encoded once. A part that asks about objects which
    an earlier one has completed takes them by the group: they have the same values by then.
    """

    def __init__(self, plan: Plan, places: PlaceMap, structs: Structs, loops: Loops) -> None:
        self._places = places
        self._structs = structs
        self._loops = loops
        self._made_for: dict[Hashable, Any] = {}
        self._askers: dict[Hashable, list[tuple[Fetch, EntityPart]]] = defaultdict(list)
        for fetch in plan.steps:
            for part in fetch.entities:
                self._askers[_asked(part)].append((fetch, part))
        self.memos = 0
        self._kept: dict[Hashable, _Groups] = {}
        # By what a part asks: the groups that it builds on.
        self._bases = {asked: self._base(asked) for asked in self._askers}

    def collector(self, part: EntityPart) -> Any:
        asked = _asked(part)
        known = self._made_for.get(asked)
        if known is not None:
            return known
        lines = ["objects = []", "representations = []"]
        forms: dict[tuple[str, Any], _Form] = {}
        kept = self._kept.get(asked)
        for number, target in enumerate(part.targets):
            lines += [f"begun{number} = len(objects)"] if kept else []
            lines += self._of_target(target, forms, self._bases[asked])
            lines += [f"groups{number} = objects[begun{number}:]"] if kept else []
        if kept:
            lines.append(f"memos[{kept.memo}] = [{', '.join(f'groups{n}' for n in range(len(part.targets)))}]")
        result = "objects, representations, encode(representations)"
        if len(self._askers[asked]) > 1:
            memo = f"memos[{self._memo()}]"
            lines = [f"if {memo} is not None: return {memo}", *lines, f"{memo} = {result}"]
            result = memo
        made = function("collect", "state, memos", [*lines, f"return {result}"], self._structs.names)
        self._made_for[asked] = made
        return made

    def _memo(self) -> int:
        """A place in which a run may remember something."""
        self.memos += 1
        return self.memos - 1

    def _base(self, asked: Hashable) -> _Groups | None:
        """The groups of an earlier part, if all its objects are asked about again by what they have in common."""
        mine = self._askers[asked]
        for earlier, askers in self._askers.items():
            if earlier != asked and all(self._builds_on(fetch, part, askers) for fetch, part in mine):
                targets = {target.path: number for number, target in enumerate(askers[0][1].targets)}
                return self._kept.setdefault(earlier, _Groups(self._memo(), targets))
        return None

    def _builds_on(self, fetch: Fetch, part: EntityPart, askers: list[tuple[Fetch, EntityPart]]) -> bool:
        bringing: set[Source] = {(one.id, other.alias) for one, other in askers if one.id in fetch.after}
        targets = {target.path: target for target in part.targets}
        return bool(bringing) and all(
            old.path in targets
            and targets[old.path].typename == old.typename
            and self._common(targets[old.path], {rep.internal for rep in old.representation}, bringing)
            for old in askers[0][1].targets
        )

    def _common(self, target: Target, keys: set[str], bringing: set[Source]) -> bool:
        """Whether all that a representation reads is of a group's key, or was brought for the group as a whole."""
        kinds = [kind for _, found in self._places.at(target.path) for kind in found]
        return all(
            not rep.children
            and rep.on is None
            and (rep.internal in keys or all(_brought(kind, rep.internal, bringing) for kind in kinds))
            for rep in target.representation
        )

    def _of_target(self, target: Target, forms: dict[tuple[str, Any], _Form], base: _Groups | None) -> Lines:
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
        if base is not None and target.path in base.targets:
            groups = f"memos[{base.memo}][{base.targets[target.path]}]"
            lines += block(f"for same in {groups}:", ["one = same[0]", *filing("one", objects="same")])
        else:
            lines += self._loops.along(target.path, filing)
        return [
            *lines,
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


def _filing(one: str, found: str, keys: list[Path], raw: list[bool], objects: str = "") -> Lines:
    """The lines that file an object, or all the `objects` that are like it, under its key."""
    lines: Lines = []
    names = [f"k{number}" for number in range(len(keys))]
    for name, path, is_raw in zip(names, keys, raw, strict=True):
        value = ".".join([one, *map(attribute, path)])
        if is_raw:
            lines += [f"{name} = bytes({value})", f"if {name} == b'null': {name} = None"]
        else:
            lines += [f"{name} = {value}"]
    key = names[0] if len(names) == 1 else f"({', '.join(names)})"
    file = f"{found}[{key}] += {objects}" if objects else f"{found}[{key}].append({one})"
    return [*lines, f"if {' is None and '.join(names)} is None: raise Surprise", file]


def _brought(kind: Kind, name: str, bringing: set[Source]) -> bool:
    slot = kind.slots.get(name)
    return slot is not None and slot.place is None and slot.source in bringing


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
