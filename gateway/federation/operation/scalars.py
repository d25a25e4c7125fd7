"""Values that a scalar of the public schema can judge by itself: refused before anybody is asked.

`checks` are by the scalar's name; each raises ValueError, in words for the client, for a value that is none of its.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValidationRule,
    ValueNode,
    VariableNode,
    get_named_type,
    type_from_ast,
    value_from_ast_untyped,
)

Check = Callable[[Any], None]
Checks = Mapping[str, Check]
_CODE = "BAD_USER_INPUT"
_AT = re.compile(r" at '[^.\[']*([^']*)'")


def literal_rule(checks: Checks) -> type[ValidationRule]:
    """A validation rule for what stands in the document itself."""

    class LiteralsAreValues(ValidationRule):
        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            argument = self.context.get_argument()
            if argument is not None:
                self._look(argument.type, node.value, node.name.value)

        def _look(self, declared: GraphQLInputType, node: ValueNode, place: str) -> None:
            declared = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
            if isinstance(node, VariableNode):
                return
            if isinstance(declared, GraphQLList):
                items = node.values if isinstance(node, ListValueNode) else (node,)
                for item in items:
                    self._look(declared.of_type, item, place)
            elif isinstance(declared, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
                for field in node.fields:
                    if field.name.value in declared.fields:
                        below = declared.fields[field.name.value].type
                        self._look(below, field.value, f"{place}.{field.name.value}")
            elif isinstance(declared, GraphQLScalarType) and declared.name in checks:
                value = value_from_ast_untyped(node)
                problem = _problem(checks[declared.name], value)
                if problem is not None:
                    extensions = {"code": _CODE, "argument": place}
                    self.report_error(GraphQLError(f"{declared.name}: {problem}", node, extensions=extensions))

    return LiteralsAreValues


class VariableChecks:
    """Of one operation: the variables whose types have a scalar that is checked, and where each is given."""

    def __init__(self, schema: GraphQLSchema, node: OperationDefinitionNode, checks: Checks) -> None:
        self._checks = checks
        self._declared: list[tuple[str, GraphQLInputType]] = []
        self._places = dict(_uses(node))
        for definition in node.variable_definitions:
            declared: Any = type_from_ast(schema, definition.type)
            if declared is not None and _touches(declared, checks, set()):
                self._declared.append((definition.variable.name.value, declared))

    def __bool__(self) -> bool:
        return bool(self._declared)

    def errors(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is wrong with coerced values, as GraphQL errors."""
        found: list[dict[str, Any]] = []
        for name, declared in self._declared:
            place = self._places.get(name, name)
            for at, problem in _problems(declared, values.get(name), place, self._checks):
                message = f"Variable '${name}' got an invalid value at '{at}': {problem}"
                found.append({"message": message, "extensions": {"code": _CODE, "argument": at}})
        return found[:10]

    def locate(self, error: GraphQLError) -> dict[str, Any]:
        """An error of coercing variables, with the argument that it is about."""
        formatted: dict[str, Any] = dict(error.formatted)
        formatted["extensions"] = {"code": _CODE}
        definition: Any = error.nodes[0] if error.nodes else None
        variable = getattr(definition, "variable", None)
        if variable is not None:
            below = _AT.search(error.message)
            place = self._places.get(variable.name.value, variable.name.value)
            formatted["extensions"]["argument"] = place + (below[1] if below is not None else "")
        return formatted


def _problem(check: Check, value: Any) -> str | None:
    if value is None:
        return None
    try:
        check(value)
    except ValueError as error:
        return str(error)
    return None


def _problems(declared: GraphQLInputType, value: Any, place: str, checks: Checks) -> Iterator[tuple[str, str]]:
    declared = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
    if value is None:
        return
    if isinstance(declared, GraphQLList):
        for index, item in enumerate(value):
            yield from _problems(declared.of_type, item, f"{place}[{index}]", checks)
    elif isinstance(declared, GraphQLInputObjectType):
        for name, field in declared.fields.items():
            if name in value:
                yield from _problems(field.type, value[name], f"{place}.{name}", checks)
    elif isinstance(declared, GraphQLScalarType) and declared.name in checks:
        problem = _problem(checks[declared.name], value)
        if problem is not None:
            yield place, problem


def _touches(declared: GraphQLInputType, checks: Checks, seen: set[str]) -> bool:
    named = get_named_type(declared)
    if named.name in seen:
        return False
    seen.add(named.name)
    if isinstance(named, GraphQLInputObjectType):
        return any(_touches(field.type, checks, seen) for field in named.fields.values())
    return named.name in checks


def _uses(node: OperationDefinitionNode) -> Iterator[tuple[str, str]]:
    """Each variable with the argument, or the field of an argument's input, in which it stands first."""
    found: list[tuple[str, str]] = []

    def value(given: ValueNode, place: str) -> None:
        if isinstance(given, VariableNode):
            found.append((given.name.value, place))
        elif isinstance(given, ObjectValueNode):
            for field in given.fields:
                _of(field, place)
        elif isinstance(given, ListValueNode):
            for item in given.values:
                value(item, place)

    def _of(field: ObjectFieldNode, place: str) -> None:
        value(field.value, f"{place}.{field.name.value}")

    def selections(nodes: Sequence[Any]) -> None:
        for one in nodes:
            if isinstance(one, FieldNode):
                for argument in one.arguments:
                    value(argument.value, argument.name.value)
            below = getattr(one, "selection_set", None)
            if below is not None:
                selections(below.selections)

    selections(node.selection_set.selections)
    # Made into a mapping, the first use of each counts.
    yield from reversed(found)
