"""Tells a client which argument holds a value that cannot be: ``BAD_USER_INPUT`` with the argument's path.

graphql-core names a variable or a place in the document. Where a gateway has written the document neither is the
client's, so both are followed to the argument: the path of ``events(where: {startsAfter: $v0})`` is
``["where", "startsAfter"]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_operation_ast,
    type_from_ast,
)
from graphql.utilities import coerce_input_value
from strawberry.extensions import SchemaExtension

from subgraphs.chassis.graphql.errors import ArgumentPath, BadInput

MAX_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of a document stands: ``field`` is the path in the answer, None below a fragment's definition."""

    value: ValueNode
    field: tuple[str, ...] | None
    argument: ArgumentPath


class TellBadValues(SchemaExtension):
    """Errors about variables; those about literals are found once, with the document (``in_document``)."""

    def on_execute(self) -> Iterator[None]:
        context = self.execution_context
        document, variables = context.graphql_document, context.variables or {}
        yield
        result: Any = context.result
        if document is None or not isinstance(result, ExecutionResult) or result.data is not None:
            return
        if result.errors and all(error.path is None for error in result.errors):
            # Nothing was executed: the variables could not be coerced.
            schema: GraphQLSchema = context.schema._schema
            result.errors = _bad_variables(schema, document, context.operation_name, variables) or result.errors


def in_document(document: DocumentNode, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """The errors of validation, with those about a literal as ``BadInput``."""
    if not errors:
        return []
    places = {id(place.value): place for place in _places(document)}
    told: list[GraphQLError] = []
    for error in errors:
        node = error.nodes[0] if error.nodes else None
        place = places.get(id(node))
        told.append(error if place is None else _bad(place, error.message))
    return told


def _bad_variables(
    schema: GraphQLSchema, document: DocumentNode, operation_name: str | None, variables: dict[str, Any]
) -> list[GraphQLError]:
    operation = get_operation_ast(document, operation_name)
    errors: list[GraphQLError] = []
    for definition in operation.variable_definitions if operation is not None else ():
        name = definition.variable.name.value
        place = _place_of(document, name)

        def refuse(path: list[str | int], _value: object, error: GraphQLError, place: Place = place) -> None:
            if len(errors) < MAX_TOLD:
                errors.append(_bad(place, error.message, tuple(path)))

        type_ = type_from_ast(schema, definition.type)
        if name in variables:
            coerce_input_value(variables[name], cast("GraphQLInputType", type_), refuse)
        elif isinstance(type_, GraphQLNonNull) and definition.default_value is None:
            errors.append(_bad(place, f"A value of type {type_} is missing."))
    return errors


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep or compare it: no NUL, and no half of a surrogate pair, which JSON can write."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def storable(text: str, *argument: str | int) -> str:
    """The text. Raises ``BadInput`` for what could not even be looked for in the database."""
    if not is_storable(text):
        raise BadInput("Text may hold neither NUL nor half of a surrogate pair.", argument)
    return text


def _bad(place: Place, message: str, below: ArgumentPath = ()) -> BadInput:
    return BadInput(message, (*place.argument, *below), path=place.field, nodes=[place.value])


def _place_of(document: DocumentNode, variable: str) -> Place:
    """Where a variable is used first; its own name when that is nowhere in an argument."""
    for place in _places(document):
        if isinstance(place.value, VariableNode) and place.value.name.value == variable:
            return place
    return Place(VariableNode(), None, (variable,))


def _places(document: DocumentNode) -> Iterator[Place]:
    """Every value in every argument of a field, also those inside lists and objects."""
    for definition in document.definitions:
        selection_set = getattr(definition, "selection_set", None)
        if isinstance(selection_set, SelectionSetNode):
            path = () if isinstance(definition, OperationDefinitionNode) else None
            yield from _below(selection_set, path)


def _below(selection_set: SelectionSetNode, path: tuple[str, ...] | None) -> Iterator[Place]:
    left: list[tuple[SelectionSetNode, tuple[str, ...] | None]] = [(selection_set, path)]
    while left:
        selections, path = left.pop()
        for selection in selections.selections:
            below = path
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                below = (*path, key) if path is not None else None
                for argument in selection.arguments:
                    yield from _values(argument.value, below, (argument.name.value,))
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set is not None:
                left.append((selection.selection_set, below))


def _values(value: ValueNode, field: tuple[str, ...] | None, argument: ArgumentPath) -> Iterator[Place]:
    left = [Place(value, field, argument)]
    while left:
        place = left.pop()
        yield place
        inside: Iterable[tuple[str | int, ValueNode]] = ()
        if isinstance(place.value, ObjectValueNode):
            inside = [(one.name.value, one.value) for one in place.value.fields]
        elif isinstance(place.value, ListValueNode):
            inside = enumerate(place.value.values)
        left += [Place(one, field, (*place.argument, name)) for name, one in inside]
