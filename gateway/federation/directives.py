"""Directives as plain values, and the features that a supergraph says it is made of."""

from typing import Any

from graphql import ConstDirectiveNode, DocumentNode, SchemaDefinitionNode, value_from_ast_untyped

from gateway.federation.errors import SupergraphError

_SPECS = "https://specs.apollo.dev/"
# With the versions that differ in what matters here; None where all of them are understood.
_KNOWN: dict[str, set[str] | None] = {
    "core": None,
    "link": None,
    "tag": None,
    "join": {"v0.1", "v0.2", "v0.3", "v0.4", "v0.5"},
    "inaccessible": {"v0.1", "v0.2"},
}


def applied(node: Any, name: str) -> list[dict[str, Any]]:
    """The arguments of each use of a directive."""
    return [arguments_of(directive) for directive in node.directives or () if directive.name.value == name]


def arguments_of(directive: ConstDirectiveNode) -> dict[str, Any]:
    """A directive's arguments as plain values."""
    return {argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments}


def named_type(type_node: Any) -> str:
    """The innermost type's name, without lists and non-nulls."""
    while hasattr(type_node, "type"):
        type_node = type_node.type
    return str(type_node.name.value)


def features(document: DocumentNode) -> list[dict[str, Any]]:
    """The arguments of every `@link` and `@core`, the address always under `url`."""
    return [
        {**args, "url": str(args.get("url") or args.get("feature") or "")}
        for node in document.definitions
        if isinstance(node, SchemaDefinitionNode)
        for args in [*applied(node, "link"), *applied(node, "core")]
    ]


def check_features(document: DocumentNode) -> None:
    """Raises SupergraphError where serving needs a feature that is not known: the specification says to refuse."""
    for feature in features(document):
        name, _, version = feature["url"].removeprefix(_SPECS).partition("/")
        known = feature["url"].startswith(_SPECS) and name in _KNOWN
        versions = _KNOWN.get(name)
        if known and (versions is None or version in versions):
            continue
        if feature.get("for") in {"SECURITY", "EXECUTION"}:
            raise SupergraphError(f"the supergraph cannot be served without {feature['url']}, which is not supported")


def is_federation_one(document: DocumentNode) -> bool:
    return any(feature["url"] == f"{_SPECS}join/v0.1" for feature in features(document))
