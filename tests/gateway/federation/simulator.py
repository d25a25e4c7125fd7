"""Subgraphs made from a supergraph and one store of data, as strict as real ones.

Each simulated subgraph declares what its `join__*` directives say, answers only what it owns, resolves references by
key, computes a `@requires` field only from a representation that carries the right values, and refuses to answer
external fields that nothing provides. The same store behind graphql-core is the monolith to compare with.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute,
    execute_sync,
    parse,
    print_ast,
    validate,
)

from gateway.federation import Engine, EngineSettings, InProcessTransport, Policies, SubgraphRequest
from gateway.federation.fieldset import FieldSet
from gateway.federation.supergraph import LocalType, read_supergraph

# Operations come once in most tests: the quick way would never be gone.
QUICK = EngineSettings(quick_at_once=True)
HEADER = 'schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query %s }\n'


def supergraph_sdl(graphs: str, body: str, roots: str = "", header: str = HEADER) -> str:
    """A supergraph of the named subgraphs; ids are their names in capitals."""
    values = " ".join(
        f'{name.upper()} @join__graph(name: "{name}", url: "http://{name}.test/")' for name in graphs.split()
    )
    return header % roots + f"enum join__Graph {{ {values} }}\n" + body


@dataclass(slots=True)
class Ref:
    """An object of the store as one subgraph holds it."""

    data: Mapping[str, Any]
    local: str
    representation: Mapping[str, Any] | None = None
    provided: FieldSet | None = None


class Simulation:
    """All subgraphs over one `store`: `{"Query": {...}, "Mutation": {...}, "objects": [...]}`.

    Objects are mappings with `__typename`; a field may be a function of its arguments, or an exception to raise.
    `subgraphs` are SDLs, by id, of subgraphs that declare something else than the supergraph makes one expect.
    """

    def __init__(
        self,
        sdl: str,
        store: Mapping[str, Any],
        labels: frozenset[str] = frozenset(),
        subgraphs: Mapping[str, str] | None = None,
    ) -> None:
        self.sdl = sdl
        self.store = store
        self.supergraph = read_supergraph(sdl, labels)
        self.requests: list[SubgraphRequest] = []
        self.down: set[str] = set()
        # Entities, by subgraph and the store's id, that a subgraph answers with null, as what it has never heard of.
        self.unknown: set[tuple[str, str]] = set()
        # Subgraphs that answer only when they are released.
        self.held: dict[str, asyncio.Event] = {}
        self.reached = asyncio.Event()
        self.given_up: list[str] = []
        self._schemas = {
            graph: build_schema((subgraphs or {}).get(graph) or self._subgraph_sdl(graph), assume_valid=True)
            for graph in self.supergraph.graphs
        }

    def engine(
        self, settings: EngineSettings | None = None, policies: Policies | None = None, *, quick: bool = True
    ) -> Engine:
        """`quick` has even an operation that comes once answered the quick way."""
        transports = {
            graph.name: InProcessTransport(self._caller(graph.id)) for graph in self.supergraph.graphs.values()
        }
        settings = replace(settings or QUICK, quick_at_once=quick)
        return Engine(self.sdl, transports=transports, settings=settings, policies=policies)

    # -- subgraphs --------------------------------------------------------------------------------------------

    def _caller(self, graph: str) -> Any:
        async def call(request: SubgraphRequest) -> dict[str, Any]:
            self.requests.append(request)
            await asyncio.sleep(0)
            service = self.supergraph.graphs[graph].name
            if service in self.down:
                raise ConnectionError("down")
            if service in self.held:
                self.reached.set()
                try:
                    await self.held[service].wait()
                except asyncio.CancelledError:
                    self.given_up.append(service)
                    raise
            schema = self._schemas[graph]
            document = parse(request.query)
            errors = validate(schema, document)
            if errors:
                raise AssertionError(f"{graph} was sent an invalid operation: {errors}\n{request.query}")
            variables = msgspec.json.decode(request.variables)
            result = execute_sync(
                schema,
                document,
                root_value=None,
                variable_values=variables,
                field_resolver=lambda source, info, **args: self._resolve(graph, source, info, args),
                type_resolver=lambda value, info, kind: self._type_of(graph, value, kind),
            )
            formatted: dict[str, Any] = dict(result.formatted)
            return formatted

        return call

    def _resolve(self, graph: str, source: Any, info: GraphQLResolveInfo, args: dict[str, Any]) -> Any:
        name = info.field_name
        if source is None:
            if name == "_entities":
                return [self._find(graph, representation) for representation in args["representations"]]
            source = Ref(self.store[info.parent_type.name], info.parent_type.name)
        local = self.supergraph.local[graph][source.local]
        field = local.fields[name]
        if field.requires is not None:
            self._check_required(field.requires, source)
        elif field.external and not self._may_answer(local, source, name):
            raise GraphQLError(f"{graph} was asked for the external field {source.local}.{name}")
        value = source.data.get(name)
        if callable(value):
            value = value(**args)
        if isinstance(value, Exception):
            raise value
        provided = field.provides
        inherited = source.provided.field(name) if source.provided is not None else None
        if inherited is not None and inherited.children is not None:
            provided = inherited.children.merged(provided)
        return self._wrap(graph, value, field.named, provided)

    def _wrap(self, graph: str, value: Any, named: str, provided: FieldSet | None) -> Any:
        if isinstance(value, list):
            return [self._wrap(graph, item, named, provided) for item in value]
        if not isinstance(value, Mapping) or "__typename" not in value:
            return value
        declared = self.supergraph.local[graph][named]
        if declared.interface_object:
            return Ref(value, named, None, provided)
        if value["__typename"] not in declared.possible:
            raise GraphQLError(f"{value['__typename']} is no {named} in {graph}")
        if provided is not None:
            for condition, sub in provided.on:
                if condition == value["__typename"]:
                    provided = provided.merged(sub)
        return Ref(value, value["__typename"], None, provided)

    def _may_answer(self, local: LocalType, source: Ref, name: str) -> bool:
        if source.provided is not None and source.provided.field(name) is not None:
            return True
        return source.representation is not None and name in source.representation

    def _check_required(self, requires: FieldSet, source: Ref) -> None:
        if source.representation is None:
            raise GraphQLError("a field with requirements was asked without a representation")
        problem = _mismatch(requires, source.data, source.representation)
        if problem:
            raise GraphQLError(f"the representation lacks what is required: {problem}")

    def _find(self, graph: str, representation: Mapping[str, Any]) -> Ref | None:
        local = self.supergraph.local[graph][representation["__typename"]]
        for candidate in self.store["objects"]:
            if candidate["__typename"] not in (local.possible or (local.name,)):
                continue
            if (graph, candidate.get("id")) in self.unknown:
                continue
            for key in local.keys:
                if key.resolvable and _mismatch(key.fields, candidate, representation) is None:
                    concrete = local.name if local.interface_object else candidate["__typename"]
                    return Ref(candidate, concrete, representation)
        return None

    def _type_of(self, graph: str, value: Any, kind: Any) -> str:
        del graph, kind
        return str(value.local)

    def _subgraph_sdl(self, graph: str) -> str:
        parts = ["scalar _Any"]
        entities = []
        types = self.supergraph.local[graph]
        for node in self.supergraph.document.definitions:
            name = getattr(getattr(node, "name", None), "value", "")
            if name.startswith(("join__", "link__")) or node.kind in {"schema_definition", "directive_definition"}:
                continue
            local = types.get(name)
            if name not in self.supergraph.types:
                parts.append(print_ast(node))
            elif local is not None and local.kind == "UNION" and local.possible:
                parts.append(f"union {name} = {' | '.join(local.possible)}")
            elif local is not None and local.kind in {"OBJECT", "INTERFACE"}:
                interfaces = [
                    other
                    for other in self.supergraph.interfaces[name]
                    if other in types and name in types[other].possible and not types[other].interface_object
                ]
                fields = [
                    f"{definition.name.value}{_arguments(definition)}: {local.fields[definition.name.value].shape}"
                    for definition in node.fields
                    if definition.name.value in local.fields
                ]
                if name == "Query":
                    fields.append("_entities(representations: [_Any!]!): [_Entity]!")
                if fields:
                    implements = f" implements {' & '.join(interfaces)}" if interfaces else ""
                    keyword = "type" if local.kind == "OBJECT" else "interface"
                    parts.append(f"{keyword} {name}{implements} {{ {' '.join(fields)} }}")
                if any(key.resolvable for key in local.keys) and local.kind == "OBJECT":
                    entities.append(name)
        parts.append(f"union _Entity = {' | '.join(entities)}" if entities else "type _Entity { none: Int }")
        return "\n".join(parts)

    # -- the monolith -----------------------------------------------------------------------------------------

    def monolith(self, schema: GraphQLSchema, query: str, variables: dict[str, Any] | None = None) -> ExecutionResult:
        """What graphql-core answers over the same store."""

        def resolve(source: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
            source = self.store[info.parent_type.name] if source is None else source
            value = source.get(info.field_name)
            if callable(value):
                value = value(**args)
            if isinstance(value, Exception):
                raise value
            return value

        result = execute(
            schema,
            parse(query),
            variable_values=variables,
            field_resolver=resolve,
            type_resolver=lambda value, info, kind: value["__typename"],
        )
        assert isinstance(result, ExecutionResult)
        return result


def _arguments(definition: Any) -> str:
    if not definition.arguments:
        return ""
    return "(" + ", ".join(print_ast(argument) for argument in definition.arguments) + ")"


def _mismatch(fields: FieldSet, data: Any, representation: Any) -> str | None:
    """The first field whose value in the representation is not the store's; None when all agree."""
    for sel in fields.fields:
        if not isinstance(representation, Mapping) or sel.name not in representation:
            return sel.name
        value, given = data.get(sel.name), representation[sel.name]
        if callable(value):
            arguments = parse("{f" + sel.arguments + "}").definitions[0].selection_set.selections[0].arguments  # type: ignore[attr-defined]
            value = value(**{argument.name.value: argument.value.value for argument in arguments})
        if sel.children is None:
            if value != given:
                return sel.name
        elif value is None or given is None:
            if value is not given:
                return sel.name
        else:
            pairs = zip(value, given, strict=True) if isinstance(value, list) else [(value, given)]
            for one, other in pairs:
                problem = _mismatch(sel.children, one, other) if one is not None else None
                if problem:
                    return f"{sel.name}.{problem}"
    for condition, sub in fields.on:
        if data.get("__typename") == condition:
            problem = _mismatch(sub, data, representation)
            if problem:
                return problem
    return None
