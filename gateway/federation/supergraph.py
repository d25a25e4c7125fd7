"""A supergraph SDL, read into what each subgraph can answer.

The `join__*` directives (join v0.1 to v0.5) say for every type and field which subgraphs know it and how. What
comes out is one *local* view for each subgraph: its types, fields, keys and possible types as it sees them itself.
"""

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    GraphQLSyntaxError,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

from gateway.federation.directives import applied, check_features, is_federation_one, named_type
from gateway.federation.errors import SupergraphError
from gateway.federation.federation_one import upgrade
from gateway.federation.fieldset import FieldSet, parse_fieldset


@dataclass(frozen=True, slots=True)
class Graph:
    """A subgraph: `id` as in `join__Graph`, `name` and `url` as it was composed with."""

    id: str
    name: str
    url: str


@dataclass(slots=True)
class LocalField:
    """A field as one subgraph has it. `shape` is its printed type there, `named` the innermost type."""

    name: str
    named: str
    shape: str
    external: bool = False
    requires: FieldSet | None = None
    provides: FieldSet | None = None


@dataclass(slots=True)
class Key:
    fields: FieldSet
    resolvable: bool


@dataclass(slots=True)
class LocalType:
    """A type as one subgraph has it; `possible` are the object types that it can be there."""

    name: str
    kind: str
    fields: dict[str, LocalField] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    possible: tuple[str, ...] = ()
    interface_object: bool = False

    @property
    def abstract(self) -> bool:
        return self.kind in {"INTERFACE", "UNION"}


@dataclass(slots=True)
class Supergraph:
    """`local[graph][type]` is a subgraph's view; the rest describes the whole, inaccessible parts included."""

    document: DocumentNode
    graphs: dict[str, Graph] = field(default_factory=dict)
    local: dict[str, dict[str, LocalType]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    types: dict[str, dict[str, LocalField]] = field(default_factory=dict)
    possible: dict[str, tuple[str, ...]] = field(default_factory=dict)
    interfaces: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    enums: dict[str, frozenset[str]] = field(default_factory=dict)

    def is_abstract(self, type_name: str) -> bool:
        return self.kinds.get(type_name) in {"INTERFACE", "UNION"}

    def is_composite(self, type_name: str) -> bool:
        return self.kinds.get(type_name) in {"OBJECT", "INTERFACE", "UNION"}


def read_supergraph(sdl: str, override_labels: frozenset[str] = frozenset()) -> Supergraph:
    """`override_labels` are the progressive `@override` labels that are on. Raises SupergraphError."""
    try:
        document = parse(sdl, no_location=True)
    except GraphQLSyntaxError as error:
        raise SupergraphError(f"the supergraph does not parse: {error.message}") from error
    supergraph = Supergraph(document, roots={"query": "Query", "mutation": "Mutation", "subscription": "Subscription"})
    _read_graphs(supergraph)
    if not supergraph.graphs:
        raise SupergraphError("the SDL names no subgraphs: it is not a supergraph")
    check_features(document)
    if is_federation_one(document):
        upgrade(document, tuple(supergraph.graphs))
    for node in document.definitions:
        if isinstance(node, SchemaDefinitionNode):
            supergraph.roots = {op.operation.value: op.type.name.value for op in node.operation_types}
    for node in document.definitions:
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            _read_fielded(supergraph, node, override_labels)
        elif isinstance(node, UnionTypeDefinitionNode):
            _read_union(supergraph, node)
        elif isinstance(node, EnumTypeDefinitionNode):
            supergraph.kinds[node.name.value] = "ENUM"
            supergraph.enums[node.name.value] = frozenset(value.name.value for value in node.values)
        elif isinstance(node, ScalarTypeDefinitionNode):
            supergraph.kinds[node.name.value] = "SCALAR"
    _find_possible_types(supergraph)
    supergraph.roots = {kind: name for kind, name in supergraph.roots.items() if name in supergraph.types}
    return supergraph


def _read_graphs(supergraph: Supergraph) -> None:
    for node in supergraph.document.definitions:
        if isinstance(node, EnumTypeDefinitionNode) and node.name.value == "join__Graph":
            for value in node.values:
                for args in applied(value, "join__graph"):
                    graph_id = value.name.value
                    supergraph.graphs[graph_id] = Graph(graph_id, args["name"], args.get("url") or "")
                    supergraph.local[graph_id] = {}


def _join_types(supergraph: Supergraph, node: Any) -> dict[str, list[dict[str, Any]]]:
    joins: dict[str, list[dict[str, Any]]] = {}
    for args in applied(node, "join__type"):
        joins.setdefault(args["graph"], []).append(args)
    # Written by hand, a supergraph leaves out what all subgraphs know.
    return joins or {graph: [{"graph": graph}] for graph in supergraph.graphs}


def _read_fielded(
    supergraph: Supergraph,
    node: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode,
    override_labels: frozenset[str],
) -> None:
    name = node.name.value
    kind = "OBJECT" if isinstance(node, ObjectTypeDefinitionNode) else "INTERFACE"
    supergraph.kinds[name] = kind
    supergraph.interfaces[name] = tuple(interface.name.value for interface in node.interfaces)
    supergraph.types[name] = {
        definition.name.value: LocalField(
            definition.name.value, named_type(definition.type), print_ast(definition.type)
        )
        for definition in node.fields
    }
    for graph, joins in _join_types(supergraph, node).items():
        local = LocalType(name, kind)
        if any(join.get("isInterfaceObject") for join in joins):
            local.kind, local.interface_object = "OBJECT", True
        for join in joins:
            if join.get("key"):
                local.keys.append(Key(parse_fieldset(join["key"]), join.get("resolvable", True)))
        for definition in node.fields:
            found = _local_field(supergraph, definition, graph, override_labels)
            if found is not None:
                local.fields[definition.name.value] = found
        supergraph.local[graph][name] = local


def _local_field(
    supergraph: Supergraph, definition: FieldDefinitionNode, graph: str, override_labels: frozenset[str]
) -> LocalField | None:
    joins = applied(definition, "join__field")
    plain = LocalField(definition.name.value, named_type(definition.type), print_ast(definition.type))
    if not joins:
        return plain
    here = next((join for join in joins if join.get("graph") == graph), None)
    if here is None:
        return None
    if here.get("type"):
        plain.shape = here["type"]
        plain.named = here["type"].strip("[]!").replace("!", "").replace("]", "")
    plain.external = bool(here.get("external") or here.get("usedOverridden")) or _overridden(
        supergraph, joins, here, override_labels
    )
    if here.get("requires"):
        plain.requires = parse_fieldset(here["requires"])
    if here.get("provides"):
        plain.provides = parse_fieldset(here["provides"])
    return plain


def _overridden(
    supergraph: Supergraph, joins: list[dict[str, Any]], here: dict[str, Any], override_labels: frozenset[str]
) -> bool:
    """Whether another subgraph has taken this field over, or this one waits for its label to be on."""
    label = here.get("overrideLabel")
    if label is not None and label not in override_labels:
        return True
    name = supergraph.graphs[here["graph"]].name
    return any(
        other.get("override") == name
        and (other.get("overrideLabel") is None or other["overrideLabel"] in override_labels)
        for other in joins
        if other is not here
    )


def _read_union(supergraph: Supergraph, node: UnionTypeDefinitionNode) -> None:
    name = node.name.value
    supergraph.kinds[name] = "UNION"
    supergraph.types[name] = {}
    supergraph.interfaces[name] = ()
    supergraph.possible[name] = tuple(member.name.value for member in node.types)
    members = applied(node, "join__unionMember")
    for graph in _join_types(supergraph, node):
        here = tuple(args["member"] for args in members if args["graph"] == graph)
        supergraph.local[graph][name] = LocalType(
            name, "UNION", possible=here if members else supergraph.possible[name]
        )


def _find_possible_types(supergraph: Supergraph) -> None:
    implementers: dict[str, list[str]] = {}
    local_implementers: dict[tuple[str, str], list[str]] = {}
    for node in supergraph.document.definitions:
        if not isinstance(node, ObjectTypeDefinitionNode):
            continue
        for interface in supergraph.interfaces[node.name.value]:
            implementers.setdefault(interface, []).append(node.name.value)
        joins = applied(node, "join__implements")
        for args in joins:
            local_implementers.setdefault((args["graph"], args["interface"]), []).append(node.name.value)
        if not joins:
            for graph, types in supergraph.local.items():
                if node.name.value in types:
                    for interface in supergraph.interfaces[node.name.value]:
                        local_implementers.setdefault((graph, interface), []).append(node.name.value)
    for name, kind in supergraph.kinds.items():
        if kind == "INTERFACE":
            supergraph.possible[name] = tuple(implementers.get(name, ()))
        elif kind == "OBJECT":
            supergraph.possible[name] = (name,)
    for graph, types in supergraph.local.items():
        for local in types.values():
            if local.interface_object:
                local.possible = supergraph.possible[local.name]
            elif local.kind == "INTERFACE":
                local.possible = tuple(local_implementers.get((graph, local.name), ()))
            elif local.kind == "OBJECT":
                local.possible = (local.name,)
