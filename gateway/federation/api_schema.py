"""The public schema of a supergraph: what clients may see, with every trace of federation taken away."""

from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    UnionTypeDefinitionNode,
    build_ast_schema,
)

from gateway.federation.directives import features, named_type
from gateway.federation.errors import SupergraphError
from gateway.federation.operation.incremental import INCREMENTAL_DIRECTIVES

_SPEC_PREFIXES = (
    "join__",
    "link__",
    "core__",
    "federation__",
    "tag__",
    "inaccessible__",
    "policy__",
    "requiresScopes__",
)
_KEPT_DIRECTIVES = {"deprecated", "specifiedBy"}
_EXECUTABLE = {
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
}


def derive_api_schema(document: DocumentNode) -> GraphQLSchema:
    """The schema without join types, specification directives and `@inaccessible` elements. Raises SupergraphError."""
    inaccessible = _inaccessible_name(document)
    hidden = {
        node.name.value
        for node in document.definitions
        if hasattr(node, "name")
        and node.name
        and not isinstance(node, DirectiveDefinitionNode)
        and _marked(node, inaccessible)
    }
    definitions: list[Any] = []
    own = {node.name.value for node in document.definitions if isinstance(node, DirectiveDefinitionNode)}
    definitions += [node for node in INCREMENTAL_DIRECTIVES if node.name.value not in own]  # type: ignore[attr-defined]
    for node in document.definitions:
        if isinstance(node, SchemaDefinitionNode):
            node.directives = ()
            definitions.append(node)
        elif isinstance(node, DirectiveDefinitionNode):
            executable = any(location.value in _EXECUTABLE for location in node.locations)
            if executable and not node.name.value.startswith(_SPEC_PREFIXES):
                definitions.append(node)
        elif not node.name.value.startswith(_SPEC_PREFIXES) and node.name.value not in hidden:  # type: ignore[attr-defined]
            _clean(node, hidden, inaccessible)
            definitions.append(node)
    try:
        return build_ast_schema(DocumentNode(definitions=tuple(definitions)), assume_valid_sdl=True)
    except (GraphQLError, TypeError, KeyError) as error:
        raise SupergraphError(f"the public schema cannot be built: {error}") from error


def _inaccessible_name(document: DocumentNode) -> str:
    """The directive's name here: `@link` may rename it."""
    for feature in features(document):
        if "/inaccessible/" in feature["url"] and feature.get("as"):
            return str(feature["as"])
    return "inaccessible"


def _marked(node: Any, directive: str) -> bool:
    return any(use.name.value == directive for use in getattr(node, "directives", ()) or ())


def _strip(node: Any) -> None:
    node.directives = tuple(use for use in node.directives if use.name.value in _KEPT_DIRECTIVES)


def _clean(node: Any, hidden: set[str], inaccessible: str) -> None:
    _strip(node)
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        node.interfaces = tuple(named for named in node.interfaces if named.name.value not in hidden)
        node.fields = tuple(
            field for field in node.fields if not _marked(field, inaccessible) and named_type(field.type) not in hidden
        )
        for field in node.fields:
            _strip(field)
            field.arguments = tuple(argument for argument in field.arguments if not _marked(argument, inaccessible))
            for argument in field.arguments:
                _strip(argument)
    elif isinstance(node, InputObjectTypeDefinitionNode):
        node.fields = tuple(value for value in node.fields if not _marked(value, inaccessible))
        for value in node.fields:
            _strip(value)
    elif isinstance(node, EnumTypeDefinitionNode):
        node.values = tuple(value for value in node.values if not _marked(value, inaccessible))
        for member in node.values:
            _strip(member)
    elif isinstance(node, UnionTypeDefinitionNode):
        node.types = tuple(member for member in node.types if member.name.value not in hidden)
    elif not isinstance(node, ScalarTypeDefinitionNode):
        raise SupergraphError(f"a supergraph has no {node.kind}")
