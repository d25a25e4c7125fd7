"""What each subgraph can answer, asked of the supergraph and remembered."""

from graphql import GraphQLEnumType, GraphQLSchema

from gateway.federation.fieldset import FieldSet
from gateway.federation.supergraph import LocalField, LocalType, Supergraph

TYPENAME = "__typename"


class Ownership:
    """Questions about the supergraph that do not depend on an operation."""

    def __init__(self, supergraph: Supergraph, visible_types: frozenset[str]) -> None:
        self.supergraph = supergraph
        self.visible_types = visible_types
        self._hidden_enums: frozenset[str] | None = None
        self._whole: dict[tuple[str, str, str], bool] = {}
        self._owners: dict[tuple[str, str], tuple[tuple[str, LocalType, LocalField], ...]] = {}
        self._answering: dict[tuple[str, str], frozenset[str]] = {}
        self._providing: dict[str, bool] = {}
        self._moves: dict[str, tuple[tuple[str, LocalType, FieldSet], ...]] = {}
        self._values: dict[tuple[str, str, frozenset[str]], tuple[tuple[str, ...], frozenset[str]]] = {}
        self._closures: dict[tuple[str, str], frozenset[str]] = {}

    def hidden_enums(self, schema: GraphQLSchema) -> frozenset[str]:
        """Enums with values that the public schema does not show."""
        if self._hidden_enums is None:
            shown = {
                name: frozenset(declared.values)
                for name, declared in schema.type_map.items()
                if isinstance(declared, GraphQLEnumType)
            }
            self._hidden_enums = frozenset(n for n, all_ in self.supergraph.enums.items() if shown.get(n) != all_)
        return self._hidden_enums

    def local(self, graph: str, type_name: str) -> LocalType | None:
        return self.supergraph.local[graph].get(type_name)

    def field(self, graph: str, type_name: str, name: str) -> LocalField | None:
        local = self.local(graph, type_name)
        return local.fields.get(name) if local is not None else None

    def answers(self, graph: str, type_name: str, name: str, provided: FieldSet | None) -> bool:
        """Whether an object that `graph` holds as `type_name` gives this field without more input."""
        local = self.local(graph, type_name)
        if local is None:
            return False
        if name == TYPENAME:
            return not local.interface_object
        if provided is not None and provided.field(name) is not None and name in local.fields:
            return True
        if local.kind == "INTERFACE":
            return self._answers_for_all(graph, local, name)
        field = local.fields.get(name)
        return field is not None and not field.external and field.requires is None

    def _answers_for_all(self, graph: str, local: LocalType, name: str) -> bool:
        known = self._whole.get((graph, local.name, name))
        if known is None:
            field = local.fields.get(name)
            known = field is not None and not field.external and field.requires is None
            for member in local.possible:
                own = self.field(graph, member, name)
                known = known and own is not None and not own.external and own.requires is None
            self._whole[graph, local.name, name] = known
        return known

    def owners(self, type_name: str, name: str) -> tuple[tuple[str, LocalType, LocalField], ...]:
        """Subgraphs that answer a field of this type, also through an interface object that stands for it."""
        known = self._owners.get((type_name, name))
        if known is None:
            known = self._owners[type_name, name] = self._find_owners(type_name, name)
        return known

    def _find_owners(self, type_name: str, name: str) -> tuple[tuple[str, LocalType, LocalField], ...]:
        found = []
        names = (type_name, *self.supergraph.interfaces.get(type_name, ()))
        for graph, types in self.supergraph.local.items():
            for candidate in names:
                local = types.get(candidate)
                if local is None or (candidate != type_name and not local.interface_object):
                    continue
                field = local.fields.get(name)
                if field is not None and not field.external:
                    found.append((graph, local, field))
                    break
        return tuple(found)

    def answering(self, type_name: str, name: str) -> frozenset[str]:
        """Every subgraph that could answer a field by any means: as its owner, for one possible type, or provided."""
        known = self._answering.get((type_name, name))
        if known is None:
            names = (type_name, *self.supergraph.possible.get(type_name, ()))
            found = {graph for candidate in names for graph, _, _ in self.owners(candidate, name)}
            for graph, types in self.supergraph.local.items():
                known_there = any(name in types[candidate].fields for candidate in names if candidate in types)
                if known_there and self._provides_anything(graph):
                    found.add(graph)
            known = self._answering[type_name, name] = frozenset(found)
        return known

    def _provides_anything(self, graph: str) -> bool:
        known = self._providing.get(graph)
        if known is None:
            fields = (field for local in self.supergraph.local[graph].values() for field in local.fields.values())
            known = self._providing[graph] = any(field.provides is not None for field in fields)
        return known

    def moves(self, type_name: str) -> tuple[tuple[str, LocalType, FieldSet], ...]:
        """Where an object of this type can be asked for by key: subgraph, its type there, the key."""
        known = self._moves.get(type_name)
        if known is None:
            found = []
            names = (type_name, *self.supergraph.interfaces.get(type_name, ()))
            for graph, types in self.supergraph.local.items():
                for candidate in names:
                    local = types.get(candidate)
                    if local is None or (candidate != type_name and not local.interface_object):
                        continue
                    if local.kind == "INTERFACE" and not self._has_entities(graph, local):
                        continue
                    found += [(graph, local, key.fields) for key in local.keys if key.resolvable]
            known = self._moves[type_name] = tuple(found)
        return known

    def _has_entities(self, graph: str, interface: LocalType) -> bool:
        """An interface's key opens nothing where the subgraph has no object to answer with."""
        members = (self.local(graph, member) for member in interface.possible)
        return any(member is not None and member.keys for member in members)

    def values_of(self, type_name: str, name: str, graphs: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """The object types that a field's value can have, and the subgraphs that can hold it.

        `graphs` can hold the parent. A field that several of them answer has one value, so it is of a type that all
        of them know; a subgraph that sees only an interface object knows none and does not narrow.
        """
        known = self._values.get((type_name, name, graphs))
        if known is None:
            known = self._values[type_name, name, graphs] = self._find_values(type_name, name, graphs)
        return known

    def _find_values(self, type_name: str, name: str, graphs: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        sets = []
        holders: set[str] = set()
        named = ""
        for graph, _, field in self.owners(type_name, name):
            target = self.local(graph, field.named)
            if target is None or graph not in graphs:
                continue
            holders.add(graph)
            named = field.named
            if target.kind != "INTERFACE" or target.possible:
                sets.append(target.possible)
        anywhere = self.supergraph.types.get(type_name, {}).get(name)
        if anywhere is None:
            return (), frozenset(holders)
        runtime = self._shared(sets) if sets else self.supergraph.possible.get(named or anywhere.named, ())
        if not holders:
            # Only `@provides` can bring it: then whoever declares the type may.
            holders = {graph for graph in graphs if self.local(graph, anywhere.named) is not None}
        below = self.spread(anywhere.named, frozenset(holders))
        for member in runtime:
            below |= self.spread(member, frozenset(holders))
        return runtime, below

    @staticmethod
    def _shared(sets: list[tuple[str, ...]]) -> tuple[str, ...]:
        shared = [member for member in sets[0] if all(member in other for other in sets[1:])]
        return tuple(shared) or tuple(dict.fromkeys(member for members in sets for member in members))

    def spread(self, type_name: str, graphs: frozenset[str]) -> frozenset[str]:
        """The subgraphs that objects of this type, held by `graphs`, can be moved to by keys, `graphs` included."""
        spread = graphs
        for graph in graphs:
            spread |= self.reachable(type_name, graph)
        return spread

    def keeps_together(self, parent_type: str, parent_field: str, interface: str, name: str) -> bool:
        """Whether a field can be asked of the interface itself wherever the parent field's value comes from."""
        if name == TYPENAME:
            return True
        producers = [(g, f.named) for g, _, f in self.owners(parent_type, parent_field)]
        for graph, named in producers:
            if self.answers(graph, named, name, None):
                return True
            local = self.local(graph, named)
            if local is not None and local.interface_object:
                return True
        for _, local, _ in self.moves(interface):
            if local.interface_object and name in local.fields and not local.fields[name].external:
                return True
        return False

    def reachable(self, type_name: str, graph: str) -> frozenset[str]:
        """The subgraphs to which an object of this type can move from `graph`, by keys, itself included."""
        known = self._closures.get((type_name, graph))
        if known is None:
            reached = {graph}
            grew = True
            while grew:
                grew = False
                for target, _, key in self.moves(type_name):
                    if target not in reached and self._key_within(type_name, key, reached):
                        reached.add(target)
                        grew = True
            known = self._closures[type_name, graph] = frozenset(reached)
        return known

    def _key_within(self, type_name: str, key: FieldSet, graphs: set[str]) -> bool:
        for sel in key.fields:
            owners = [g for g, _, _ in self.owners(type_name, sel.name) if g in graphs]
            if not owners:
                return False
        return True

    def same_shape(self, first: str, second: str, name: str) -> bool:
        """Whether no subgraph declares this field of two types differently: then one response name serves both.

        GraphQL lets objects of different types stand under one name where lists and non-nulls agree; what is selected
        below has to agree in turn.
        """
        if first == second or name == TYPENAME:
            return True
        for graph in self.supergraph.local:
            one, other = self.field(graph, first, name), self.field(graph, second, name)
            if one is not None and other is not None and self._response_shape(one) != self._response_shape(other):
                return False
        return True

    def _response_shape(self, field: LocalField) -> str:
        return field.shape.replace(field.named, "") if self.supergraph.is_composite(field.named) else field.shape
