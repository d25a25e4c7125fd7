"""Supergraphs of Federation 1 (join v0.1), brought into the form of Federation 2.

They say who owns a type and who resolves a field, and leave the rest to be concluded
(https://specs.apollo.dev/join/v0.1): a field without `@join__field` is its type's owner's; a type without an owner is a
value, known wherever it occurs; who names a field in a key has it; who names it in `requires` or `provides` knows it as
another's. What follows is said here with the directives of join v0.3, so that the rest of the engine knows one form.
"""

from typing import Any

from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
)

from gateway.federation.directives import applied, named_type
from gateway.federation.fieldset import FieldSet, parse_fieldset


def upgrade(document: DocumentNode, graphs: tuple[str, ...]) -> None:
    """Adds to a join v0.1 document, in place, the directives that it implies. `graphs` are its subgraphs' ids."""
    _Upgrade(document, graphs).run()


class _Upgrade:
    """`known[type][field][graph]` tells whether the field is external there; `where[type]` are the type's subgraphs."""

    def __init__(self, document: DocumentNode, graphs: tuple[str, ...]) -> None:
        self.fielded: dict[str, Any] = {}
        self.unions: list[UnionTypeDefinitionNode] = []
        for node in document.definitions:
            if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
                self.fielded[node.name.value] = node
            elif isinstance(node, UnionTypeDefinitionNode):
                self.unions.append(node)
        self.where: dict[str, dict[str, None]] = {}
        self.known: dict[str, dict[str, dict[str, bool]]] = {}
        for name, node in self.fielded.items():
            joined = dict.fromkeys(str(join["graph"]) for join in applied(node, "join__type"))
            self.where[name] = joined or dict.fromkeys(graphs)
            self.known[name] = {field.name.value: self._resolvers(node, field) for field in node.fields}

    def run(self) -> None:
        for name, node in self.fielded.items():
            for join in applied(node, "join__type"):
                if join.get("key"):
                    self._know(name, parse_fieldset(join["key"]), join["graph"], external=False)
            for field in node.fields:
                for join in applied(field, "join__field"):
                    graph = str(join.get("graph") or self._owner(node))
                    if join.get("requires"):
                        self._know(name, parse_fieldset(join["requires"]), graph, external=True)
                    if join.get("provides"):
                        self._know(named_type(field.type), parse_fieldset(join["provides"]), graph, external=True)
        for node in self.fielded.values():
            self._say_of_type(node)
        for union in self.unions:
            self._say_of_union(union)

    def _owner(self, node: Any) -> str | None:
        return next((str(args["graph"]) for args in applied(node, "join__owner")), None)

    def _resolvers(self, node: Any, field: Any) -> dict[str, bool]:
        joins = applied(field, "join__field")
        owner = self._owner(node)
        named = [str(join.get("graph") or owner) for join in joins if join.get("graph") or owner]
        return dict.fromkeys(named or ([owner] if owner else self.where[node.name.value]), False)

    def _know(self, type_name: str, fields: FieldSet, graph: str, external: bool) -> None:
        if type_name in self.where:
            self.where[type_name].setdefault(graph)
        for sel in fields.fields:
            resolvers = self.known.get(type_name, {}).get(sel.name)
            if resolvers is None:
                continue
            resolvers[graph] = resolvers.get(graph, True) and external
            if sel.children is not None:
                field = next(one for one in self.fielded[type_name].fields if one.name.value == sel.name)
                self._know(named_type(field.type), sel.children, graph, external)
        for condition, sub in fields.on:
            self._know(condition, sub, graph, external)

    def _say_of_type(self, node: Any) -> None:
        name = node.name.value
        joined = {join["graph"] for join in applied(node, "join__type")}
        texts = [f"@join__type(graph: {graph})" for graph in self.where[name] if graph not in joined]
        if isinstance(node, ObjectTypeDefinitionNode):
            texts += [
                f'@join__implements(graph: {graph}, interface: "{interface.name.value}")'
                for interface in node.interfaces
                for graph in self.where[name]
                if self._has_all_of(name, interface.name.value, graph)
            ]
        node.directives = (*node.directives, *_directives(texts))
        for field in node.fields:
            here = self.known[name][field.name.value]
            if set(here) == set(self.where[name]) and not any(here.values()) and not applied(field, "join__field"):
                continue
            said = {join["graph"] for join in applied(field, "join__field") if join.get("graph")}
            texts = [
                f"@join__field(graph: {graph}{', external: true' if external else ''})"
                for graph, external in here.items()
                if graph not in said
            ]
            field.directives = (*field.directives, *_directives(texts))

    def _has_all_of(self, name: str, interface: str, graph: str) -> bool:
        """Interfaces are the same everywhere, so a type is of one only where it has all of the interface's fields."""
        return graph in self.where.get(interface, ()) and all(
            graph in self.known[name].get(field, ()) for field in self.known[interface]
        )

    def _say_of_union(self, node: UnionTypeDefinitionNode) -> None:
        """A union is the same everywhere: it is known where all of its members are."""
        members = [member.name.value for member in node.types]
        graphs = [graph for graph in self.where[members[0]] if all(graph in self.where[other] for other in members)]
        texts = [f"@join__type(graph: {graph})" for graph in graphs]
        texts += [f'@join__unionMember(graph: {graph}, member: "{member}")' for graph in graphs for member in members]
        node.directives = (*node.directives, *_directives(texts))


def _directives(texts: list[str]) -> tuple[ConstDirectiveNode, ...]:
    if not texts:
        return ()
    return tuple(parse(f"scalar S {' '.join(texts)}", no_location=True).definitions[0].directives)  # type: ignore[attr-defined]
