"""Compiles a plan into structs and straight-line code.

Every fetch gets a struct that its response decodes into, with `msgspec.Raw` for what passes through. Fields are in
the client's order, so that the answer is encoded as it stands; what the client did not ask for is unset before that.
The loops that find objects, take their keys and put the joined values in are generated as Python text.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from gateway.federation.decode import DecoderMaker
from gateway.federation.fast.collect import Collectors
from gateway.federation.fast.loops import Lines, Loops, block, function
from gateway.federation.fast.places import Kind, NotFast, Place, PlaceMap, Slot, Source
from gateway.federation.fast.program import NOTHING, FastPart, FastProgram, FastStep, Surprise, prefix_of
from gateway.federation.fast.structs import Structs, attribute, define
from gateway.federation.guards import Guards
from gateway.federation.planner.plan import EntityPart, Fetch, Plan, Selected
from gateway.federation.shape import ObjectShape

Keeps = Callable[[str, str], bool]


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
        if plan.kind == "subscription":
            raise NotFast("events come as they come")
        self._guards = guards
        self._keeps = keeps
        self._plan = plan
        self._maker = maker
        self._places = PlaceMap(plan, maker, shape)
        sources = [(fetch.id, alias) for fetch in plan.steps for alias in maker.layout[fetch.id]]
        self._state: dict[Source, int] = {source: number for number, source in enumerate(sources)}
        self._structs = Structs(self._places)
        self._structs.names |= {
            "UNSET": msgspec.UNSET,
            "NULL": msgspec.Raw(b"null"),
            "Surprise": Surprise,
            "Raw": msgspec.Raw,
            "encode": msgspec.json.Encoder().encode,
            "defaultdict": defaultdict,
            "islice": islice,
        }
        self._loops = Loops(self._places, self._structs, self._state)
        self._collectors = Collectors(plan, self._places, self._structs, self._loops)

    def program(self) -> FastProgram:
        steps = tuple(self._step(fetch, index, prefix_of(fetch)) for index, fetch in enumerate(self._plan.steps))
        return FastProgram(
            steps,
            tuple(step for step in steps if not step.waits_for),
            tuple(step.waits_for for step in steps),
            self._structs.root(),
            self._finisher(),
            len(self._state),
            self._collectors.memos,
            self._plan,
            # An estimate: the whole of an operation, its document included, came to some 48 KB (docs/performance.md).
            6_000 + sum(9_000 + 6 * len(step.prefix) for step in steps),
            frozenset(fetch.service for fetch in self._plan.steps),
        )

    def _step(self, fetch: Fetch, index: int, prefix: bytes) -> FastStep:
        take = None
        if None in self._maker.layout[fetch.id]:
            if fetch.entities:
                raise NotFast("one request asks for root fields and for entities")
            data = self._structs.carrier((fetch.id, None))
            take = self._taker((fetch.id, None))
        else:
            carriers = [(part.alias, self._structs.carrier((fetch.id, part.alias))) for part in fetch.entities]
            members = [
                (f"e{number}", _entities(carrier), msgspec.NODEFAULT, alias)
                for number, (alias, carrier) in enumerate(carriers)
            ]
            data = define("Data", members)
        response = [
            ("data", data, msgspec.NODEFAULT, "data"),
            ("errors", msgspec.Raw, NOTHING, "errors"),
            ("extensions", msgspec.Raw, NOTHING, "extensions"),
        ]
        return FastStep(
            fetch,
            self._guards.of_fetch(fetch, self._maker.layout[fetch.id]),
            index,
            prefix,
            tuple((name, msgspec.json.encode(name) + b":") for name in fetch.variables),
            msgspec.json.Decoder(define("Response", response)).decode,
            tuple(self._part(fetch, part, f"e{number}") for number, part in enumerate(fetch.entities)),
            take,
            self._kept(fetch, fetch.fields, (fetch.id, None)),
            len(fetch.after),
            tuple(other for other, later in enumerate(self._plan.steps) if fetch.id in later.after),
        )

    def _taker(self, source: Source) -> Any:
        lines = [f"state[{self._state[source]}] = data"]
        for fields in self._places.brought_by_type(source).values():
            for name, slots in fields.items():
                lines += [f"value = data.{attribute(name)}", *self._check("value", slots)]
                lines += [f"root.{attribute(name)} = value"]
        return function("take", "state, root, data", lines, self._structs.names)

    def _part(self, fetch: Fetch, part: EntityPart, alias: str) -> FastPart:
        source = (fetch.id, part.alias)
        return FastPart(
            b'"' + part.variable.encode() + b'":',
            alias,
            self._state[source],
            self._collectors.collector(part),
            self._applier(source),
            self._kept(fetch, tuple(field for target in part.targets for field in target.fields), source),
        )

    def _applier(self, source: Source) -> Any:
        """Puts what entities bring into the objects that they complete, each type's fields."""
        types = self._places.brought_by_type(source)
        ways: dict[tuple[str, ...], list[Kind]] = {}
        for typename, fields in types.items():
            values: Lines = []
            for number, (name, slots) in enumerate(fields.items()):
                values.append(f"v{number} = entity.{attribute(name)}")
                if any(name not in others for others in types.values()):
                    values.append(f"if v{number} is UNSET: raise Surprise")
                values += self._check(f"v{number}", slots)
            values += block("for one in same:", [f"one.{attribute(name)} = v{n}" for n, name in enumerate(fields)])
            ways.setdefault(tuple(values), []).extend(self._places.kinds_of(source, typename))
        lines: Lines = list(*ways) if len(ways) == 1 else ["kind = same[0].__class__"]
        if len(ways) > 1:
            for way, kinds in ways.items():
                lines += block(f"if kind {self._loops.among(kinds)}:", list(way))
        lines = block("for same, entity in zip(objects, entities):", lines)
        return function("apply", "objects, entities", lines, self._structs.names)

    def _check(self, value: str, slots: list[Slot]) -> Lines:
        """Where an answer joins, what passes through begins as it should; further down it is trusted."""
        slot = slots[0]
        if slot.hidden or slot.place is not None:
            return []
        required = slot.wrappers[:1] == ("!",)
        if self._structs.type_of(slot, any(slot.read for slot in slots)) is not msgspec.Raw:
            return [f"if {value} is None: raise Surprise"] if required else []
        wanted = "[" if "[" in slot.wrappers else "{"
        if slot.composite or wanted == "[":
            allowed = f"first != {ord(wanted)}" + ("" if required else f" and first != {ord('n')}")
            return [f"first = memoryview({value})[0]", f"if {allowed}: raise Surprise"]
        return [f"if {value} == NULL: raise Surprise"] if required else []

    def _kept(self, fetch: Fetch, fields: tuple[Selected, ...], source: Source) -> tuple[Selected, ...]:
        kept = tuple(
            dict.fromkeys(field for field in fields if self._keeps(fetch.service, f"{field.type}.{field.name}"))
        )
        if kept:
            types = self._places.brought_by_type(source).values()
            if len(types) > 1:
                raise NotFast("a value to be kept is of objects of several types")
            if any(slot.place for fields in types for field in kept for slot in fields.get(field.internal, ())):
                raise NotFast("a value to be kept is taken apart")
        return kept

    def _finisher(self) -> Any:
        lines: Lines = []
        # Below before above: what is shown already is not told apart any more.
        for place in reversed([place for place in self._places.all if place.seen]):
            lines += self._loops.over(place, partial(self._showing, place))
        return function("finish", "state, root", lines, self._structs.names) if lines else None

    def _showing(self, place: Place, variable: str) -> Lines:
        """Makes of an object what the client sees."""
        kinds = list(place.kinds.values())
        lines: Lines = []
        for hidden in dict.fromkeys(kind.hidden for kind in kinds):
            those = [kind for kind in kinds if kind.hidden == hidden]
            unset = [f"{variable}.{attribute(name)} = UNSET" for name in hidden]
            lines += self._loops.guarded(variable, place, those, unset)
        return [*lines, *self._structs.showing(place, variable)]


def _entities(carrier: Any) -> Any:
    return list[carrier | None]
