"""Whether a mutation may be sent twice: only when every field of it carries a key by which its owner knows it again."""

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    ObjectValueNode,
    OperationDefinitionNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    parse,
)

from gateway.federation.request import SubgraphRequest

_HEADER = "idempotency-key"


def is_idempotent(request: SubgraphRequest, argument: str | None) -> bool:
    """Reads the request as the subgraph does: `argument` is the name of an argument, or of a field of an input.

    It must be a text that is not empty, in each field of the mutation. What cannot be read so carries no key. This is
    asked after a failure only, so it may take its time.
    """
    if any(name.lower() == _HEADER and value for name, value in request.headers.items()):
        return True
    if argument is None:
        return False
    try:
        document = parse(request.query)
        variables = msgspec.json.decode(request.variables or b"{}")
    except (GraphQLError, msgspec.DecodeError):
        return False
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1 or not isinstance(variables, dict):
        return False
    # A spread at the root is not looked into: the planner prints none.
    return all(
        isinstance(field, FieldNode)
        and any(_carries(given.name.value, given.value, argument, variables) for given in field.arguments)
        for field in operations[0].selection_set.selections
    )


def _carries(name: str, value: ValueNode, wanted: str, variables: Mapping[str, Any]) -> bool:
    if name == wanted:
        return _is_text(_read(value, variables))
    if isinstance(value, ObjectValueNode):
        return any(field.name.value == wanted and _is_text(_read(field.value, variables)) for field in value.fields)
    given = _read(value, variables)
    return isinstance(given, dict) and _is_text(given.get(wanted))


def _read(value: ValueNode, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, VariableNode):
        return variables.get(value.name.value)
    return value.value if isinstance(value, StringValueNode) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
