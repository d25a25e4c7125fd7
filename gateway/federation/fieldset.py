"""Field sets, as `@key`, `@requires` and `@provides` write them: `id org { id } price(currency: "USD")`."""

from dataclasses import dataclass
from functools import lru_cache

from graphql import FieldNode, GraphQLSyntaxError, InlineFragmentNode, SelectionSetNode, parse, print_ast
from graphql.language import ArgumentNode, OperationDefinitionNode

from gateway.federation.errors import SupergraphError


@dataclass(frozen=True, slots=True)
class FieldSel:
    """One field; `arguments` is its printed argument list (`""` when there is none)."""

    name: str
    arguments: str = ""
    children: "FieldSet | None" = None


@dataclass(frozen=True, slots=True)
class FieldSet:
    """`fields` hold for the type itself, `on` for its subtypes by name."""

    fields: tuple[FieldSel, ...] = ()
    on: tuple[tuple[str, "FieldSet"], ...] = ()

    def field(self, name: str) -> FieldSel | None:
        return next((field for field in self.fields if field.name == name), None)

    def known_to_be(self, type_name: str, interfaces: tuple[str, ...]) -> "FieldSet":
        """What holds of an object once it is known to be of one type."""
        result = FieldSet(self.fields)
        for condition, below in self.on:
            if condition == type_name or condition in interfaces:
                result = result.merged(below)
        return result

    def merged(self, other: "FieldSet | None") -> "FieldSet":
        if other is None:
            return self
        fields = {(field.name, field.arguments): field for field in self.fields}
        for field in other.fields:
            known = fields.get((field.name, field.arguments))
            if known is not None and known.children is not None:
                field = FieldSel(field.name, field.arguments, known.children.merged(field.children))
            fields[field.name, field.arguments] = field
        on = dict(self.on)
        for type_name, sub in other.on:
            on[type_name] = on[type_name].merged(sub) if type_name in on else sub
        return FieldSet(tuple(fields.values()), tuple(on.items()))


def print_arguments(arguments: tuple[ArgumentNode, ...]) -> str:
    """The argument list as GraphQL text with parentheses; `""` when empty."""
    if not arguments:
        return ""
    return "(" + ", ".join(print_ast(argument) for argument in arguments) + ")"


@lru_cache(maxsize=4096)
def parse_fieldset(text: str) -> FieldSet:
    """Raises SupergraphError when `text` is no field set."""
    try:
        document = parse("{" + text + "}", no_location=True)
    except GraphQLSyntaxError as error:
        raise SupergraphError(f"not a field set: {text!r}") from error
    operation = document.definitions[0]
    if not isinstance(operation, OperationDefinitionNode):
        raise SupergraphError(f"not a field set: {text!r}")
    return _convert(operation.selection_set, text)


def _convert(selection_set: SelectionSetNode, text: str) -> FieldSet:
    result = FieldSet()
    for node in selection_set.selections:
        if isinstance(node, FieldNode):
            children = _convert(node.selection_set, text) if node.selection_set else None
            sel = FieldSel(node.name.value, print_arguments(tuple(node.arguments)), children)
            result = result.merged(FieldSet(fields=(sel,)))
        elif isinstance(node, InlineFragmentNode):
            inner = _convert(node.selection_set, text)
            condition = node.type_condition.name.value if node.type_condition else None
            result = result.merged(inner if condition is None else FieldSet(on=((condition, inner),)))
        else:
            raise SupergraphError(f"a field set names no fragments: {text!r}")
    return result
