"""Who answers a field, and where in the code."""

import re
from dataclasses import dataclass
from pathlib import Path

from graphql import (
    ConstDirectiveNode,
    EnumTypeDefinitionNode,
    EnumValueNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    StringValueNode,
    parse,
)

from infra.local.composition.supergraph import CHECKOUT, EXPERIENCE
from infra.local.faults import LocalFault


class FieldUnknown(LocalFault):
    """The supergraph has no such type or field."""


@dataclass(frozen=True, slots=True)
class Owner:
    """`place` is ``path:line`` from the checkout, or None where the code could not be found by name."""

    subgraph: str
    place: str | None


def owners_of(supergraph: str, coordinate: str) -> list[Owner]:
    """The subgraphs that resolve ``Type.field``. Raises ``FieldUnknown``."""
    type_name, _, field_name = coordinate.partition(".")
    return [Owner(name, _place(name, type_name, field_name)) for name in _resolvers(supergraph, type_name, field_name)]


def _resolvers(supergraph: str, type_name: str, field_name: str) -> list[str]:
    document = parse(supergraph)
    names = {
        value.name.value: _text(directive, "name")
        for node in document.definitions
        if isinstance(node, EnumTypeDefinitionNode) and node.name.value == "join__Graph"
        for value in node.values
        for directive in value.directives
    }
    for node in document.definitions:
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode) and node.name.value == type_name:
            types = [_text(one, "graph") for one in node.directives if one.name.value == "join__type"]
            for field in node.fields:
                if field.name.value == field_name:
                    joins = [one for one in field.directives if one.name.value == "join__field"]
                    graphs = [_text(one, "graph") for one in joins if not _flag(one, "external")]
                    return [names[graph] for graph in (graphs if joins else types) if graph]
    raise FieldUnknown(f"The supergraph has no field {type_name}.{field_name}.")


def _argument(directive: ConstDirectiveNode, name: str) -> object:
    return next((one.value for one in directive.arguments if one.name.value == name), None)


def _text(directive: ConstDirectiveNode, name: str) -> str:
    value = _argument(directive, name)
    return value.value if isinstance(value, StringValueNode | EnumValueNode) else ""


def _flag(directive: ConstDirectiveNode, name: str) -> bool:
    return bool(getattr(_argument(directive, name), "value", False))


def _place(subgraph: str, type_name: str, field_name: str) -> str | None:
    folder = CHECKOUT / ("gateway/experience" if subgraph == EXPERIENCE else f"subgraphs/{subgraph}")
    attribute = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", field_name)
    declaration = re.compile(rf"^    (async def|def) {attribute}\(|^    {attribute}\s*[:=]")
    for file in sorted(folder.rglob("*.py")):
        line = _line_in(file, type_name, declaration)
        if line is not None:
            return f"{file.relative_to(CHECKOUT)}:{line}"
    return None


def _line_in(file: Path, type_name: str, declaration: re.Pattern[str]) -> int | None:
    text, inside = file.read_text(encoding="utf-8"), False
    if "import strawberry" not in text:
        return None  # a class of the domain of the same name
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("class "):
            inside = re.match(rf"class {type_name}\b", line) is not None
        elif inside and declaration.match(line):
            return number
    return None
