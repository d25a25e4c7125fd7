"""`@defer` and `@stream`: their definitions, what validation asks of them, and what an operation says with them.

(GraphQL incremental delivery draft, sections "Directives" and "Validation".)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    ValidationContext,
    VariableNode,
    Visitor,
    parse,
    visit,
)
from graphql.language.ast import Node

INCREMENTAL_DIRECTIVES: Final = parse(
    '''
    """Lets the rest of the answer go ahead: the fragment follows when it is there."""
    directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT

    """Lets the first items of a list go ahead: the others follow."""
    directive @stream(if: Boolean! = true, label: String, initialCount: Int! = 0) on FIELD
    ''',
    no_location=True,
).definitions
NAMES: Final = frozenset({"defer", "stream"})


@dataclass(frozen=True, slots=True)
class DeferUse:
    """A fragment with `@defer`, by its number in the operation. `path` has the response names above it."""

    number: int
    label: str | None
    path: tuple[str, ...]
    parent: "DeferUse | None"

    def within(self, uses: "frozenset[DeferUse]") -> bool:
        """Whether a fragment around this one is among `uses`."""
        here = self.parent
        while here is not None:
            if here in uses:
                return True
            here = here.parent
        return False


@dataclass(frozen=True, slots=True)
class StreamUse:
    """A list with `@stream`. `initial` is a count or the name of the variable that holds it."""

    label: str | None
    initial: int | str


def find_directive(node: FieldNode | FragmentSpreadNode | InlineFragmentNode, name: str) -> DirectiveNode | None:
    return next((directive for directive in node.directives if directive.name.value == name), None)


def is_active(directive: DirectiveNode, conditions: Mapping[str, bool]) -> bool:
    """What its `if` says; `conditions` holds the values of variables."""
    value = _argument(directive, "if")
    if isinstance(value, BooleanValueNode):
        return value.value
    return conditions.get(value.name.value, True) if isinstance(value, VariableNode) else True


def label_of(directive: DirectiveNode) -> str | None:
    value = _argument(directive, "label")
    return value.value if isinstance(value, StringValueNode) else None


def read_stream(directive: DirectiveNode) -> StreamUse:
    value = _argument(directive, "initialCount")
    if isinstance(value, VariableNode):
        return StreamUse(label_of(directive), value.name.value)
    return StreamUse(label_of(directive), int(value.value) if isinstance(value, IntValueNode) else 0)


def _argument(directive: DirectiveNode, name: str) -> Any:
    return next((argument.value for argument in directive.arguments if argument.name.value == name), None)


def find_uses(*nodes: Node) -> list[DirectiveNode]:
    """Every `@defer` and `@stream` in some part of a document."""
    finder = _Finder()
    for node in nodes:
        visit(node, finder)
    return finder.found


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[DirectiveNode] = []

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in NAMES:
            self.found.append(node)


class UsedWhereTheyMayBe(ASTValidationRule):
    """Not at the root of a mutation, nowhere in a subscription unless switched off, and `@stream` on lists only."""

    context: ValidationContext

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        schema = context.schema
        self._serial = {schema.mutation_type, schema.subscription_type} - {None}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if node.operation is not OperationType.SUBSCRIPTION:
            return
        for directive in find_uses(node, *self.context.get_recursively_referenced_fragments(node)):
            value = _argument(directive, "if")
            if value is None or (isinstance(value, BooleanValueNode) and value.value):
                self._report(f"Directive @{directive.name.value} is not supported on subscriptions.", directive)

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        name = node.name.value
        if name not in NAMES:
            return
        parent = self.context.get_parent_type()
        if parent in self._serial:
            self._report(f"Directive @{name} cannot be used on the root type {str(parent)!r}.", node)
        if name == "stream":
            declared = self.context.get_type()
            inner = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
            if declared is not None and not isinstance(inner, GraphQLList):
                self._report("Directive @stream can only be used on lists.", node)
            count = _argument(node, "initialCount")
            if isinstance(count, IntValueNode) and int(count.value) < 0:
                self._report("Argument initialCount of @stream must not be negative.", count)

    def _report(self, message: str, node: Any) -> None:
        self.report_error(GraphQLError(message, node))


class LabelsAreUnique(ASTValidationRule):
    """Labels are literals, and no two directives of a document have the same."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._known: dict[str, DirectiveNode] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        value = _argument(node, "label") if node.name.value in NAMES else None
        if isinstance(value, VariableNode):
            self.report_error(GraphQLError(f"The label of @{node.name.value} must not be a variable.", node))
        elif isinstance(value, StringValueNode):
            other = self._known.setdefault(value.value, node)
            if other is not node:
                self.report_error(GraphQLError(f"The label {value.value!r} is used more than once.", [other, node]))
