"""A quick look at variables of the built-in scalars; whatever it does not know goes to graphql-core."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import NamedTypeNode, NonNullTypeNode, OperationDefinitionNode

_INT_MOST = 2**31 - 1


def _is_int(value: Any) -> bool:
    return type(value) is int and -_INT_MOST - 1 <= value <= _INT_MOST


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "Int": _is_int,
    "String": _is_text,
    "ID": _is_text,
    "Boolean": _is_boolean,
}


def plain_check(
    node: OperationDefinitionNode, scalars: Mapping[str, Callable[[Any], None]]
) -> Callable[[Mapping[str, Any]], bool] | None:
    """A check that is true only for variables that coercion and `scalars` would accept and leave as they are.

    None when a variable has a default or another type. (GraphQL October 2021, section 6.1.2.)
    """
    checks: list[tuple[str, Callable[[Any], bool], bool]] = []
    for definition in node.variable_definitions:
        declared = definition.type
        required = isinstance(declared, NonNullTypeNode)
        named = declared.type if isinstance(declared, NonNullTypeNode) else declared
        if not isinstance(named, NamedTypeNode) or definition.default_value is not None:
            return None
        check = _PLAIN.get(named.name.value)
        if check is None:
            return None
        more = scalars.get(named.name.value)
        checks.append((definition.variable.name.value, check if more is None else _both(check, more), required))

    def accepts(variables: Mapping[str, Any]) -> bool:
        for name, check, required in checks:
            value = variables.get(name)
            if value is None:
                if required:
                    return False
            elif not check(value):
                return False
        return True

    return accepts


def _both(check: Callable[[Any], bool], more: Callable[[Any], None]) -> Callable[[Any], bool]:
    def passes(value: Any) -> bool:
        if not check(value):
            return False
        try:
            more(value)
        except ValueError:
            return False
        return True

    return passes
