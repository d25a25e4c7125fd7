"""A document's text, parsed, bounded, validated, and its operation chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)

from gateway.federation.errors import RequestRefused
from gateway.federation.operation.cost import Cost
from gateway.federation.operation.incremental import NAMES, LabelsAreUnique, UsedWhereTheyMayBe
from gateway.federation.operation.limits import check_document, check_text
from gateway.federation.operation.scalars import VariableChecks, literal_rule
from gateway.federation.operation.variables import plain_check
from gateway.federation.settings import EngineSettings

_CONDITIONAL = NAMES | {"skip", "include"}
_MESSAGE_MOST = 500
_LOCATIONS_MOST = 10


@dataclass(slots=True)
class Operation:
    """One operation of a valid document.

    `conditions` are the variables that `@skip`, `@include`, `@defer` and `@stream` read. `plain` is a quick check of
    variables that need no coercion, where there can be one; `checks` judges those that were coerced. `incremental`: the
    document has a `@defer` or `@stream`.
    """

    document: DocumentNode
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    kind: str
    conditions: tuple[str, ...]
    plain: Callable[[Mapping[str, Any]], bool] | None
    checks: VariableChecks
    cost: Cost
    incremental: bool

    def variant(self, variables: Mapping[str, Any]) -> tuple[bool, ...]:
        """The value of every condition; `variables` are coerced ones."""
        if not self.conditions:
            return ()
        # Only `@defer` and `@stream` may be given a variable that is absent: their `if` is true by default.
        return tuple(bool(variables.get(name, True)) for name in self.conditions)


def read_document(query: str, schema: GraphQLSchema, settings: EngineSettings) -> DocumentNode:
    """Parses and validates. Raises RequestRefused with every error found (at most twenty)."""
    if not query or not query.strip():
        raise RequestRefused.because("The request carries no query.", "BAD_REQUEST")
    check_text(query, settings.limits)
    try:
        document = parse(query, max_tokens=settings.limits.tokens)
    except GraphQLError as error:
        raise RequestRefused([_formatted(error, "GRAPHQL_PARSE_FAILED")]) from error
    except RecursionError as error:
        raise RequestRefused.because("The document is nested too deeply.", "OPERATION_TOO_COMPLEX") from error
    check_document(document, settings.limits)
    rules = list(specified_rules)
    if "defer" in query or "stream" in query:
        rules += [UsedWhereTheyMayBe, LabelsAreUnique]
    if not settings.introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    if settings.scalars:
        rules.append(literal_rule(settings.scalars))
    errors = validate(schema, document, rules, max_errors=20)
    if errors:
        raise RequestRefused([_formatted(error, "GRAPHQL_VALIDATION_FAILED") for error in errors])
    return document


def choose_operation(
    document: DocumentNode, operation_name: str | None, schema: GraphQLSchema, settings: EngineSettings
) -> Operation:
    """Raises RequestRefused when the name is missing or unknown."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen: OperationDefinitionNode | None = None
    if operation_name:
        chosen = next((node for node in operations if node.name and node.name.value == operation_name), None)
        if chosen is None:
            raise RequestRefused.because(f'Unknown operation named "{operation_name}".', "OPERATION_RESOLUTION_FAILURE")
    elif len(operations) == 1:
        chosen = operations[0]
    elif not operations:
        raise RequestRefused.because("The document contains no operation.", "OPERATION_RESOLUTION_FAILURE")
    else:
        raise RequestRefused.because(
            "Must provide operation name if query contains multiple operations.", "OPERATION_RESOLUTION_FAILURE"
        )
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    declared = {definition.variable.name.value for definition in chosen.variable_definitions}
    finder = _ConditionFinder()
    visit(document, finder)
    return Operation(
        document,
        chosen,
        fragments,
        chosen.operation.value,
        tuple(sorted(finder.names & declared)),
        plain_check(chosen, settings.scalars),
        VariableChecks(schema, chosen, settings.scalars),
        Cost(schema, chosen, fragments, settings.limits),
        finder.incremental,
    )


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.incremental = False

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.incremental = self.incremental or node.name.value in NAMES
        if node.name.value in _CONDITIONAL:
            for argument in node.arguments:
                if argument.name.value == "if" and isinstance(argument.value, VariableNode):
                    self.names.add(argument.value.name.value)


def is_included(directives: tuple[DirectiveNode, ...], conditions: Mapping[str, bool]) -> bool:
    """Whether `@skip` and `@include` let a selection stay."""
    for directive in directives:
        wanted = {"skip": False, "include": True}.get(directive.name.value)
        if wanted is None:
            continue
        for argument in directive.arguments:
            value = argument.value
            if isinstance(value, BooleanValueNode):
                actual = value.value
            elif isinstance(value, VariableNode):
                actual = conditions.get(value.name.value, wanted)
            else:
                continue
            if actual is not wanted:
                return False
    return True


def _formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    """The error as JSON values. What it quotes of the document, and where it points, is cut to what people read."""
    formatted: dict[str, Any] = dict(error.formatted)
    if len(error.message) > _MESSAGE_MOST:
        formatted["message"] = error.message[:_MESSAGE_MOST] + " …"
    if error.locations and len(error.locations) > _LOCATIONS_MOST:
        formatted["locations"] = formatted["locations"][:_LOCATIONS_MOST]
    formatted["extensions"] = {"code": code, **(formatted.get("extensions") or {})}
    return formatted
