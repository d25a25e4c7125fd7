"""Compiles a plan into structs and straight-line code.

Every fetch gets a struct that its response decodes into, with `msgspec.Raw` for what passes through. Fields are in
the client's order, so that the answer is encoded as it stands; what the client did not ask for is unset before that.
The loops that find objects, take their keys and put the joined values in are generated as Python text from names that
validation has let through (GraphQL names: `[_A-Za-z][_0-9A-Za-z]*`), so that nothing of a client's can be code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from gateway.federation.decode import DecoderMaker
from gateway.federation.fast.places import NotFast, Path, Place, PlaceMap, Slot, Source
from gateway.federation.guards import Guards
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.planner.plan import EntityPart, Fetch, Plan, Representation, Selected, Target
from gateway.federation.resilience import Guard
from gateway.federation.shape import ObjectShape

# Scalars that are told apart by their value; others by their bytes.
_COMPARABLE: dict[str, Any] = {"ID": str | int, "String": str, "Int": int, "Boolean": bool}
NOTHING = msgspec.Raw()


Keeps = Callable[[str, str], bool]


class Surprise(Exception):
    """An answer is not as it should be: the careful way has to judge it."""


@dataclass(slots=True, eq=False)
class FastPart:
    """One `_entities` selection.

    `collect(state, memos)` gives, for each representation, the objects that it stands for, and the representations as
    such and encoded; `apply(objects, entities)` puts the fields in. `kept` are fields whose last good value a fallback
    wants to know.
    """

    name: bytes
    alias: str
    slot: int
    collect: Callable[[list[Any], list[Any]], tuple[list[list[Any]], list[Any], bytes]]
    apply: Callable[[list[list[Any]], list[Any]], None]
    kept: tuple[Selected, ...]


@dataclass(slots=True, eq=False)
class FastStep:
    """A fetch. `take(state, root, data)` puts its root fields in place; of those, `kept` as in `FastPart`."""

    fetch: Fetch
    guard: Guard
    index: int
    prefix: bytes
    variables: tuple[tuple[str, bytes], ...]
    decode: Callable[[bytes], Any]
    parts: tuple[FastPart, ...]
    take: Callable[[list[Any], Any, Any], None] | None
    kept: tuple[Selected, ...]
    waits_for: int
    releases: tuple[int, ...]


@dataclass(slots=True, eq=False)
class FastProgram:
    """`finish(state, root)` unsets what the client did not ask for. `slots` and `memos` say how long a run's are."""

    steps: tuple[FastStep, ...]
    first: tuple[FastStep, ...]
    waits: tuple[int, ...]
    make_root: Callable[[], Any]
    finish: Callable[[list[Any], Any], None] | None
    slots: int
    memos: int
    plan: Plan
    size: int
    services: frozenset[str]

    @property
    def kind(self) -> str:
        return self.plan.kind


def prefix_of(fetch: Fetch) -> bytes:
    """The body of a fetch's request up to the values of its variables."""
    return b'{"query":' + msgspec.json.encode(fetch.operation) + b',"variables":'


def compile_fast(
    plan: Plan, maker: DecoderMaker, shape: ObjectShape, guards: Guards, keeps: Keeps
) -> FastProgram | None:
    """The program; None when something in the plan has to be judged, value by value.

    `keeps(service, coordinate)` tells whether a fallback wants to know the last good value of a field.
    """
    try:
        return _Compiler(plan, maker, shape, guards, keeps).program()
    except NotFast:
        return None


class _Compiler:
    def __init__(self, plan: Plan, maker: DecoderMaker, shape: ObjectShape, guards: Guards, keeps: Keeps) -> None:
        self._guards = guards
        self._keeps = keeps
        if plan.kind == "subscription":
            raise NotFast("events come as they come")
        self._plan = plan
        self._maker = maker
        self._places = PlaceMap(plan, maker, shape)
        self._state: dict[Source, int] = {}
        self._types: dict[Path, Any] = {}
        self._memos: dict[Any, int] = {}
        self._globals: dict[str, Any] = {
            "UNSET": msgspec.UNSET,
            "Surprise": Surprise,
            "Raw": msgspec.Raw,
            "encode": msgspec.json.Encoder().encode,
        }

    def program(self) -> FastProgram:
        for fetch in self._plan.steps:
            for alias in self._maker.layout[fetch.id]:
                self._state[fetch.id, alias] = len(self._state)
        steps = tuple(self._step(fetch, index, prefix_of(fetch)) for index, fetch in enumerate(self._plan.steps))
        return FastProgram(
            steps,
            tuple(step for step in steps if not step.waits_for),
            tuple(step.waits_for for step in steps),
            self._root_type(),
            self._finisher(),
            len(self._state),
            len(self._memos),
            self._plan,
            # An estimate: the whole of an operation, its document included, came to some 48 KB (docs/performance.md).
            6_000 + sum(9_000 + 6 * len(step.prefix) for step in steps),
            frozenset(fetch.service for fetch in self._plan.steps),
        )

    # -- types ------------------------------------------------------------------------------------------------

    def _root_type(self) -> Any:
        return self._struct(self._places.root, made_by=None)

    def _struct(self, place: Place, made_by: Source | None) -> Any:
        """The objects at a place: what `made_by` brings is required, what others bring is filled in later."""
        fields: list[tuple[str, Any, Any]] = []
        rename: dict[str, str] = {}
        for number, shown in enumerate(place.shape.common):
            if shown.name == TYPENAME:
                attribute = f"t{number}_"
                constant = msgspec.Raw(msgspec.json.encode(place.shape.typename))
                fields.append((attribute, msgspec.Raw, constant))
                rename[attribute] = shown.key
            else:
                fields.append(self._member(place, place.slots[shown.internal], made_by))
                rename[_attribute(shown.internal)] = shown.internal
        for slot in place.slots.values():
            if slot.hidden and slot.name != TYPENAME:
                fields.append(self._member(place, slot, made_by))
                rename[_attribute(slot.name)] = slot.name
        return _define("Place", fields, rename)

    def _member(self, place: Place, slot: Slot, made_by: Source | None) -> tuple[str, Any, Any]:
        if made_by is None or slot.source != made_by:
            return _attribute(slot.name), Any, msgspec.UNSET
        return _attribute(slot.name), self._type_of([(place, slot)]), msgspec.NODEFAULT

    def _type_of(self, alike: list[tuple[Place, Slot]]) -> Any:
        slot = alike[0][1]
        if slot.place is not None:
            if slot.place.path not in self._types:
                self._types[slot.place.path] = self._struct(slot.place, slot.source)
            return _wrapped(self._types[slot.place.path], slot.wrappers)
        if any(self._maker.reads(at.path, one.name) for at, one in alike):
            known = _COMPARABLE.get(slot.declared)
            if known is not None and not slot.listed:
                return known | None
        return msgspec.Raw

    def _carrier(self, source: Source) -> Any:
        """What a source answers for each object (or for the root)."""
        alike: dict[str, list[tuple[Place, Slot]]] = {}
        for place, names in self._places.brought[source]:
            for name in names:
                if name != TYPENAME:
                    alike.setdefault(name, []).append((place, place.slots[name]))
        fields = [(_attribute(name), self._type_of(slots), msgspec.NODEFAULT) for name, slots in alike.items()]
        return _define("Carrier", fields, {_attribute(name): name for name in alike})

    # -- steps ------------------------------------------------------------------------------------------------

    def _step(self, fetch: Fetch, index: int, prefix: bytes) -> FastStep:
        parts = tuple(self._part(fetch, part) for part in fetch.entities)
        take = None
        if None in self._maker.layout[fetch.id]:
            data = self._carrier((fetch.id, None))
            if parts:
                raise NotFast("one request asks for root fields and for entities")
            take = self._taker(fetch)
        else:
            members = [
                (f"e{number}", _listed(self._carrier((fetch.id, part.alias)) | None), msgspec.NODEFAULT)
                for number, part in enumerate(fetch.entities)
            ]
            data = _define("Data", members, {f"e{n}": part.alias for n, part in enumerate(fetch.entities)})
        response = [
            ("data", data, msgspec.NODEFAULT),
            ("errors", msgspec.Raw, NOTHING),
            ("extensions", msgspec.Raw, NOTHING),
        ]
        return FastStep(
            fetch,
            self._guards.of_fetch(fetch, self._maker.layout[fetch.id]),
            index,
            prefix,
            tuple((name, msgspec.json.encode(name) + b":") for name in fetch.variables),
            msgspec.json.Decoder(_define("Response", response, {})).decode,
            parts,
            take,
            self._kept(fetch, fetch.fields, [self._places.root]),
            len(fetch.after),
            tuple(other for other, later in enumerate(self._plan.steps) if fetch.id in later.after),
        )

    def _taker(self, fetch: Fetch) -> Callable[[list[Any], Any, Any], None]:
        source = (fetch.id, None)
        names = [name for _, brought in self._places.brought[source] for name in brought if name != TYPENAME]
        lines = [f"    state[{self._state[source]}] = data"]
        for name in names:
            lines += [f"    value = data.{_attribute(name)}"]
            lines += [f"    {line}" for line in self._check("value", self._places.root.slots[name])]
            lines += [f"    root.{_attribute(name)} = value"]
        take: Callable[[list[Any], Any, Any], None] = self._define_function("take", "state, root, data", lines)
        return take

    def _part(self, fetch: Fetch, part: EntityPart) -> FastPart:
        source = (fetch.id, part.alias)
        names = {n: None for _, brought in self._places.brought[source] for n in brought if n != TYPENAME}
        by_type: dict[str, list[Target]] = {}
        for target in part.targets:
            by_type.setdefault(target.typename, []).append(target)
        lines: list[str] = ["    objects = []", "    representations = []"]
        for number, targets in enumerate(by_type.values()):
            first = targets[0].representation
            if any(target.representation != first for target in targets):
                raise NotFast("objects of one type are represented in different ways")
            lines += ["    found = {}", "    get = found.get"]
            keys = list(_leaves(first))
            for target in targets:
                place = self._places.by_path.get(target.path)
                if place is None:
                    raise NotFast("entities stand where objects of several types do")
                lines += self._walk(place, self._collecting(place, keys))
            maker = self._rep_type(f"Rep{number}", targets[0], keys)
            lines += [
                "    objects += found.values()",
                f"    representations += [{maker} for key in found]",
            ]
        collect = self._collector(part, lines)
        apply: list[str] = []
        if names:
            apply.append("    for same, entity in zip(objects, entities):")
            slots = self._places.brought[source][0][0].slots
            for n, name in enumerate(names):
                apply.append(f"        v{n} = entity.{_attribute(name)}")
                apply += [f"        {line}" for line in self._check(f"v{n}", slots[name])]
            apply.append("        for one in same:")
            apply += [f"            one.{_attribute(name)} = v{n}" for n, name in enumerate(names)]
        return FastPart(
            b'"' + part.variable.encode() + b'":',
            f"e{fetch.entities.index(part)}",
            self._state[source],
            collect,
            self._define_function("apply", "objects, entities", apply or ["    pass"]),
            self._kept(
                fetch,
                tuple(field for target in part.targets for field in target.fields),
                [place for place, _ in self._places.brought[source]],
            ),
        )

    def _check(self, value: str, slot: Slot) -> list[str]:
        """Where an answer joins, what passes through begins as it should; further down it is trusted."""
        if slot.hidden or slot.place is not None:
            return []
        wanted = "[" if "[" in slot.wrappers else "{"
        required = slot.wrappers[:1] == ("!",)
        if self._type_of([(self._places.root, slot)]) is not msgspec.Raw:
            return [f"if {value} is None: raise Surprise"] if required else []
        first = f"first = memoryview({value})[0] if type({value}) is Raw else None"
        if slot.composite or wanted == "[":
            allowed = f"first != {ord(wanted)}" + ("" if required else f" and first != {ord('n')}")
            return [first, f"if first is not None and {allowed}: raise Surprise"]
        return [first, f"if first == {ord('n')}: raise Surprise"] if required else []

    def _collector(self, part: EntityPart, lines: list[str]) -> Any:
        """Parts that ask about the same objects share what was collected, encoded once."""
        same = tuple((target.path, target.typename, target.representation) for target in part.targets)
        known = self._memos.get(same)
        if known is None:
            known = self._memos[same] = len(self._memos)
        return self._define_function(
            "collect",
            "state, memos",
            [
                f"    if memos[{known}] is not None: return memos[{known}]",
                *lines,
                f"    memos[{known}] = objects, representations, encode(representations)",
                f"    return memos[{known}]",
            ],
        )

    def _kept(self, fetch: Fetch, fields: tuple[Selected, ...], places: list[Place]) -> tuple[Selected, ...]:
        kept = tuple(
            dict.fromkeys(field for field in fields if self._keeps(fetch.service, f"{field.type}.{field.name}"))
        )
        for field in kept:
            if any(field.internal in place.slots and place.slots[field.internal].place for place in places):
                raise NotFast("a value to be kept is taken apart")
        return kept

    def _collecting(self, place: Place, keys: list[tuple[str, ...]]) -> Callable[[str], list[str]]:
        """The lines that file one object under its key."""

        def lines(variable: str) -> list[str]:
            out, values = [], []
            for number, path in enumerate(keys):
                here, at = variable, place
                for depth, step in enumerate(path):
                    slot = at.slots.get(step)
                    if slot is None:
                        raise NotFast("a representation reads what is not there")
                    here = f"{here}.{_attribute(step)}"
                    if depth + 1 < len(path):
                        if slot.place is None or "[" in slot.wrappers:
                            raise NotFast("a representation has lists of objects")
                        at = slot.place
                raw = self._type_of([(at, at.slots[path[-1]])]) is msgspec.Raw
                out.append(f"k{number} = " + (f"bytes({here})" if raw else here))
                values.append(f"k{number}")
                if raw:
                    out.append(f"if k{number} == b'null': k{number} = None")
            out.append(f"if {' is None and '.join(values)} is None: raise Surprise")
            key = values[0] if len(values) == 1 else f"({', '.join(values)})"
            return [
                *out,
                f"key = {key}",
                "same = get(key)",
                f"if same is None: found[key] = [{variable}]",
                f"else: same.append({variable})",
            ]

        return lines

    def _rep_type(self, name: str, target: Target, keys: list[tuple[str, ...]]) -> str:
        """Defines the structs of a representation; gives the expression that makes one from `key`."""
        at_root = self._places.by_path[target.path]

        def make(prefix: str, level: tuple[Representation, ...], path: tuple[str, ...], tag: str | None) -> str:
            made = f"{prefix}_{len(self._globals)}"
            members = [(f"m{n}", Any, msgspec.NODEFAULT) for n, _ in enumerate(level)]
            rename = {f"m{n}": rep.name for n, rep in enumerate(level)}
            self._globals[made] = _define(made, members, rename, tag)
            values = []
            for rep in level:
                inner = (*path, rep.internal)
                if rep.children:
                    values.append(make(prefix, rep.children, inner, None))
                    continue
                number = keys.index(inner)
                value = "key" if len(keys) == 1 else f"key[{number}]"
                at: Place = at_root
                for step in inner[:-1]:
                    below = at.slots[step].place
                    if below is None:
                        raise NotFast("a representation reads what passes through")
                    at = below
                raw = self._type_of([(at, at.slots[inner[-1]])]) is msgspec.Raw
                values.append(f"None if {value} is None else Raw({value})" if raw else value)
            return f"{made}({', '.join(values)})"

        return make(name, target.representation, (), target.typename)

    def _finisher(self) -> Callable[[list[Any], Any], None] | None:
        lines: list[str] = []
        for place in self._places.by_path.values():
            hidden = [name for name in place.hidden if name != TYPENAME]
            if not hidden:
                continue
            unset = partial(_unsetting, hidden)
            if place is self._places.root:
                lines += [f"    {line}" for line in unset("root")]
            else:
                lines += self._walk(place, unset)
        return self._define_function("finish", "state, root", lines) if lines else None

    # -- text -------------------------------------------------------------------------------------------------

    def _walk(self, place: Place, each: Callable[[str], list[str]]) -> list[str]:
        """Loops over every object of a place, from what its source answered."""
        lines: list[str] = []
        state = self._state[place.source]
        at = self._places.by_path[place.base]
        indent = 4
        variable = f"state[{state}]"
        if place.source[1] is not None:
            lines.append(f"{' ' * indent}for x in {variable}:")
            indent, variable = indent + 4, "x"
        for depth, step in enumerate(place.path[len(place.base) :]):
            slot = at.slots[step]
            indent, variable = _open(lines, indent, f"{variable}.{_attribute(step)}", slot.wrappers, f"x{depth}")
            if slot.place is None:
                raise NotFast("a path leads through what passes through")
            at = slot.place
        return [*lines, *(" " * indent + line for line in each(variable))]

    def _define_function(self, name: str, parameters: str, lines: list[str]) -> Any:
        text = f"def {name}({parameters}):\n" + "\n".join(lines) + "\n"
        made: dict[str, Any] = {}
        exec(compile(text, f"<{name}>", "exec"), self._globals, made)  # noqa: S102 - text of ours, see the module
        return made[name]


def _open(lines: list[str], indent: int, expression: str, wrappers: tuple[str, ...], name: str) -> tuple[int, str]:
    """Opens the loops and null checks that lead to the objects of one field."""
    lines.append(f"{' ' * indent}{name} = {expression}")
    rest = list(wrappers)
    level = 0
    while True:
        if rest[:1] == ["!"]:
            rest.pop(0)
        else:
            lines.append(f"{' ' * indent}if {name} is not None:")
            indent += 4
        if not rest:
            return indent, name
        rest.pop(0)
        level += 1
        inner = f"{name}_{level}"
        lines.append(f"{' ' * indent}for {inner} in {name}:")
        indent, name = indent + 4, inner


def _wrapped(made: Any, wrappers: tuple[str, ...]) -> Any:
    """The struct with its lists and nulls around it, as the public schema has them."""
    if not wrappers:
        return made | None
    if wrappers[0] == "!":
        rest = wrappers[1:]
        return made if not rest else _listed(_wrapped(made, rest[1:]))
    return _listed(_wrapped(made, wrappers[1:])) | None


def _unsetting(names: list[str], variable: str) -> list[str]:
    return [f"{variable}.{_attribute(name)} = UNSET" for name in names]


def _listed(element: Any) -> Any:
    return list[element]


def _attribute(name: str) -> str:
    return f"f_{name}"


def _leaves(fields: tuple[Representation, ...], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for rep in fields:
        if rep.on is not None or rep.name == TYPENAME:
            raise NotFast("a representation depends on the type of an object")
        if rep.children:
            yield from _leaves(rep.children, (*path, rep.internal))
        else:
            yield (*path, rep.internal)


def _define(name: str, fields: list[tuple[str, Any, Any]], rename: dict[str, str], tag: str | None = None) -> Any:
    members = [(attribute, kind, msgspec.field(default=default)) for attribute, kind, default in fields]
    return msgspec.defstruct(
        name,
        members,
        rename=rename,
        gc=False,
        kw_only=tag is None and not name.startswith("Rep"),
        tag=tag,
        tag_field="__typename" if tag is not None else None,
    )
