"""Generated supergraphs with data behind them and operations over them, each made from a number.

Up to four subgraphs share up to four entities. Who knows an entity, by which keys, who owns a field, what a field
requires or a root field provides is left to chance; so are an interface, perhaps with interface objects, a union, and
a value type that several subgraphs answer in part. Not every operation can be planned: nobody has composed this.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.federation.simulator import Simulation, supergraph_sdl

_INTERFACE, _UNION, _VALUE = "Named", "Either", "Value"
_SCALARS = {"Int", "String", "ID!"}


@dataclass
class _Field:
    """`owners` are subgraphs by id, with what else their `@join__field` says."""

    shape: str
    owners: dict[str, str]

    @property
    def named(self) -> str:
        return self.shape.strip("[]")

    def print(self, name: str) -> str:
        joins = " ".join(f"@join__field(graph: {graph}{more})" for graph, more in self.owners.items())
        return f"{name}: {self.shape} {joins or '@join__field'}"


@dataclass
class _Entity:
    known: list[str]
    keys: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, _Field] = field(default_factory=dict)

    def missing(self, graph: str, kind: str = "n") -> list[str]:
        """Fields of a kind, told by the first letter, that others have."""
        return [name for name, one in self.fields.items() if name[0] == kind and graph not in one.owners]

    def require(self, graph: str, names: list[str]) -> str:
        for name in names:
            self.fields[name].owners[graph] = ", external: true"
        return " ".join(names)


class Generated:
    """`simulation` has the subgraphs and the monolith. `operation()` makes one more operation."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._graphs = list("ABCD")[: self._random.choice([2, 3, 3, 4])]
        self._entities = {f"T{number}": self._make_entity() for number in range(self._random.choice([2, 3, 4]))}
        names = list(self._entities)
        self._members = {
            _INTERFACE: self._some(names) if self._chance(0.7) else [],
            _UNION: self._some(names) if self._chance(0.5) else [],
        }
        # An interface object stands in a subgraph that knows none of the types.
        without = [graph for graph in self._graphs if not self._knows(graph, _INTERFACE)]
        self._stand_ins = [graph for graph in without if self._members[_INTERFACE] and self._chance(0.5)]
        self._value = _Entity(self._some(self._graphs))
        self._fill_value()
        for name, entity in self._entities.items():
            self._fill(name, entity)
        for entity in self._entities.values():
            self._refer(entity)
            self._require(entity)
        self._roots = self._make_roots()
        self.simulation = Simulation(supergraph_sdl(" ".join(self._graphs).lower(), self._print()), self._make_store())

    def _chance(self, of: float) -> bool:
        return self._random.random() < of

    def _mentions(self, of: float) -> int:
        """How often something is mentioned in one selection: what is mentioned twice has to be put together."""
        return 0 if not self._chance(of) else 2 if self._chance(0.2) else 1

    def _some(self, of: list[str]) -> list[str]:
        return sorted(self._random.sample(of, self._random.randint(1, len(of))))

    # -- the schema -------------------------------------------------------------------------------------------

    def _make_entity(self) -> _Entity:
        keys = ([["id"]] * 6) + [["code"], ["id", "code"], ["id", "code"], ["id!"]]
        entity = _Entity(self._some(self._graphs))
        entity.keys = {graph: list(self._random.choice(keys)) for graph in entity.known}
        return entity

    def _knows(self, graph: str, name: str) -> list[str]:
        """The types that a subgraph can answer with where this type stands."""
        return [member for member in self._members.get(name, [name]) if graph in self._entities[member].known]

    def _fill_value(self) -> None:
        self._value.fields["key"] = _Field("Int", dict.fromkeys(self._value.known, ""))
        for name in ("n0", "n1", "n2"):
            self._value.fields[name] = _Field("Int", dict.fromkeys(self._some(self._value.known), ""))

    def _fill(self, name: str, entity: _Entity) -> None:
        fields = entity.fields
        named = name in self._members[_INTERFACE]
        for key, shape in (("id", "ID!"), ("code", "String")):
            owners = [graph for graph in entity.known if key in "".join(entity.keys[graph]) or (named and key == "id")]
            if owners:
                fields[key] = _Field(shape, dict.fromkeys(owners, ""))
        for number in range(self._random.randint(1, 4)):
            owners = self._random.sample(entity.known, 1 if self._chance(0.75) else min(2, len(entity.known)))
            fields[f"n{number}"] = _Field("Int", dict.fromkeys(owners, ""))
        if named:
            fields["label"] = _Field("String", dict.fromkeys(self._some(entity.known), ""))
            fields |= {f"added{graph}": _Field("Int", {}) for graph in self._stand_ins}
        shared = [graph for graph in entity.known if graph in self._value.known]
        if shared and self._chance(0.7):
            fields["value"] = _Field(_VALUE, dict.fromkeys(shared, ""))
            for graph in shared if self._chance(0.3) else ():
                entity.keys[graph].append("value { key }")

    def _targets(self, graph: str) -> list[str]:
        targets = [name for name in self._entities if self._knows(graph, name)]
        targets += [name for name in (_INTERFACE, _UNION) if self._knows(graph, name)]
        return targets + ([_INTERFACE] if graph in self._stand_ins else [])

    def _refer(self, entity: _Entity) -> None:
        for number in range(self._random.randint(0, 2)):
            graph = self._random.choice(entity.known)
            target = self._random.choice(self._targets(graph))
            entity.fields[f"ref{number}"] = _Field(f"[{target}]" if self._chance(0.4) else target, {graph: ""})

    def _require(self, entity: _Entity) -> None:
        for number, graph in enumerate(entity.known):
            missing = entity.missing(graph)
            if missing and self._chance(0.4):
                text = entity.require(graph, self._some(missing)[:2])
                within = (
                    self._value.missing(graph) if graph in entity.fields.get("value", _Field("", {})).owners else []
                )
                if within and self._chance(0.5):
                    text += f" value {{ {self._value.require(graph, within[:1])} }}"
                entity.fields[f"made{number}"] = _Field("String", {graph: f', requires: "{text}"'})

    def _make_roots(self) -> dict[str, _Field]:
        roots = {}
        for number in range(self._random.randint(2, 4)):
            graph = self._random.choice([graph for graph in self._graphs if self._targets(graph)])
            target = self._random.choice(self._targets(graph))
            provides = self._entities[target].missing(graph)[:1] if target in self._entities else []
            more = ""
            if provides and self._chance(0.3):
                more = f', provides: "{self._entities[target].require(graph, provides)}"'
            roots[f"root{number}"] = _Field(f"[{target}]" if self._chance(0.5) else target, {graph: more})
        return roots

    def _print(self) -> str:
        everywhere = " ".join(f"@join__type(graph: {graph})" for graph in self._graphs)
        parts = [f"type Query {everywhere}", *_braced(self._roots)]
        if self._members[_INTERFACE]:
            parts += self._print_interface()
        if self._members[_UNION]:
            graphs = [graph for graph in self._graphs if self._knows(graph, _UNION)]
            parts.append(f"union {_UNION}")
            parts += [f"@join__type(graph: {graph})" for graph in graphs]
            parts += [
                f'@join__unionMember(graph: {graph}, member: "{member}")'
                for graph in graphs
                for member in self._knows(graph, _UNION)
            ]
            parts.append("= " + " | ".join(self._members[_UNION]))
        for name, entity in self._entities.items():
            parts.append(f"type {name}")
            if name in self._members[_INTERFACE]:
                parts.append(f"implements {_INTERFACE}")
                parts += [f'@join__implements(graph: {graph}, interface: "{_INTERFACE}")' for graph in entity.known]
            parts += [_print_key(graph, key) for graph in entity.known for key in entity.keys[graph]]
            parts += _braced(entity.fields)
        parts += [f"type {_VALUE}", *(f"@join__type(graph: {graph})" for graph in self._value.known)]
        return "\n".join([*parts, *_braced(self._value.fields)])

    def _print_interface(self) -> list[str]:
        members = self._members[_INTERFACE]
        parts = [f"interface {_INTERFACE}"]
        for graph in self._graphs:
            if self._knows(graph, _INTERFACE):
                whole = all("id" in self._entities[member].keys.get(graph, ()) for member in members)
                key = ', key: "id"' if whole else ""
                parts.append(f"@join__type(graph: {graph}{key})")
        parts += [f'@join__type(graph: {graph}, key: "id", isInterfaceObject: true)' for graph in self._stand_ins]
        fields = {f"added{graph}": _Field("Int", {graph: ""}) for graph in self._stand_ins}
        labelling = [
            graph
            for graph in self._graphs
            if self._knows(graph, _INTERFACE)
            and all(graph in self._entities[one].fields["label"].owners for one in self._knows(graph, _INTERFACE))
        ]
        if labelling:
            fields["label"] = _Field("String", dict.fromkeys(labelling, ""))
        return [*parts, "{ id: ID!", *(one.print(name) for name, one in fields.items()), "}"]

    # -- the data ---------------------------------------------------------------------------------------------

    def _make_store(self) -> dict[str, Any]:
        objects = {
            name: [{"__typename": name, "id": f"{name}{number}", "code": f"c{number}"} for number in range(2)]
            for name in self._entities
        }
        for name, entity in self._entities.items():
            for data in objects[name]:
                for key, one in entity.fields.items():
                    data.setdefault(key, self._make_value(one, objects, f"{key} of {data['id']}"))
        roots = {name: self._make_value(one, objects, name) for name, one in self._roots.items()}
        return {"Query": roots, "objects": [data for each in objects.values() for data in each]}

    def _make_value(self, one: _Field, objects: dict[str, list[Any]], text: str) -> Any:
        if one.named == _VALUE:
            numbers = {name: self._random.randint(0, 99) for name in ("n0", "n1", "n2")}
            return {"__typename": _VALUE, "key": self._random.getrandbits(31), **numbers}
        if one.shape in _SCALARS:
            number = None if self._chance(0.2) else self._random.randint(0, 99)
            return number if one.shape == "Int" else text
        graph = next(iter(one.owners))
        standing = one.named == _INTERFACE and graph in self._stand_ins
        names = self._members[_INTERFACE] if standing else self._knows(graph, one.named)
        possible = [None, *(data for name in names for data in objects[name])]
        if one.shape.startswith("["):
            return self._random.choices(possible, k=self._random.randint(0, 3))
        return self._random.choice(possible)

    # -- operations -------------------------------------------------------------------------------------------

    def operation(self) -> str:
        asked = self._some(list(self._roots))
        return "{ " + " ".join(f"{name} {self._select(self._roots[name].named, 3)}" for name in asked) + " }"

    def _select(self, named: str, depth: int) -> str:
        parts = ["__typename"] if self._chance(0.15) else []
        if named in self._members:
            if named == _INTERFACE:
                parts += [name for name in ("id", *(f"added{graph}" for graph in self._stand_ins)) if self._chance(0.4)]
            for member in self._members[named]:
                parts += [f"... on {member} {self._select(member, depth)}" for _ in range(self._mentions(0.6))]
        else:
            fields = self._value.fields if named == _VALUE else self._entities[named].fields
            for name, one in fields.items():
                if one.shape in _SCALARS:
                    parts += [name if self._chance(0.9) else f"other_{name}: {name}"] if self._chance(0.45) else []
                elif depth:
                    parts += [f"{name} {self._select(one.named, depth - 1)}" for _ in range(self._mentions(0.7))]
        self._random.shuffle(parts)
        return "{ " + (" ".join(parts) or "__typename") + " }"


def _print_key(graph: str, key: str) -> str:
    """An exclamation mark is for keys that are not resolvable."""
    fields, mark, _ = key.partition("!")
    more = ", resolvable: false" if mark else ""
    return f'@join__type(graph: {graph}, key: "{fields}"{more})'


def _braced(fields: dict[str, _Field]) -> list[str]:
    return ["{", *(one.print(name) for name, one in fields.items()), "}"]
