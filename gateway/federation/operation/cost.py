"""What an operation may cost: fields weigh what is declared for them, times the lists that they stand in.

A field without a declared weight costs nothing here: depth, fields and aliases bound it. Lists count where an argument
is declared to be their length: `Query.nodes` by its `ids`, a page by its `first`. Lengths that variables give are
filled in request by request.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

from gateway.federation.errors import RequestRefused
from gateway.federation.settings import Limits

# By the variables that lengths are taken from: what stands in lists of these lengths weighs so much together.
_Terms = Counter[tuple[str, ...]]


class Cost:
    """Of one operation of a valid document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        node: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: Limits,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._limits = limits
        self._known: dict[str, _Terms] = {}
        root = schema.get_root_type(node.operation)
        measured = limits.weights and root is not None
        self._terms = self._of(node.selection_set, root.name) if measured and root is not None else Counter()
        self._known.clear()

    def check(self, values: Mapping[str, Any]) -> None:
        """`values` are the coerced variables. Raises RequestRefused for what costs too much."""
        total = 0
        for names, weight in self._terms.items():
            for name in names:
                weight *= _length(values.get(name))
            total += weight
        if total > self._limits.cost:
            message = f"The operation costs {total}, more than the {self._limits.cost} allowed."
            raise RequestRefused.because(message, "OPERATION_TOO_COMPLEX")

    def _of(self, selection_set: SelectionSetNode, type_name: str) -> _Terms:
        total: _Terms = Counter()
        fields = getattr(self._schema.type_map.get(type_name), "fields", {})
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                declared = fields.get(node.name.value)
                if declared is not None:
                    total.update(self._of_field(node, f"{type_name}.{node.name.value}", declared))
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                total.update(self._of(node.selection_set, condition.name.value if condition else type_name))
            elif isinstance(node, FragmentSpreadNode):
                total.update(self._of_fragment(node.name.value))
        return total

    def _of_fragment(self, name: str) -> _Terms:
        known = self._known.get(name)
        if known is None:
            fragment = self._fragments[name]
            known = self._known[name] = self._of(fragment.selection_set, fragment.type_condition.name.value)
        return known

    def _of_field(self, node: FieldNode, coordinate: str, declared: GraphQLField) -> _Terms:
        total: _Terms = Counter()
        weight = self._limits.weights.get(coordinate, 0)
        if weight:
            total[()] = weight
        if node.selection_set is not None:
            below = self._of(node.selection_set, get_named_type(declared.type).name)
            if below:
                times, names = self._size(node, coordinate, declared)
                for inner, weight in below.items():
                    total[tuple(sorted((*names, *inner)))] += times * weight
        return total

    def _size(self, node: FieldNode, coordinate: str, declared: GraphQLField) -> tuple[int, tuple[str, ...]]:
        """How many objects a field brings: a number, or the variable that says it."""
        name = self._limits.sizes.get(coordinate)
        if name is None:
            return 1, ()
        given = next((argument.value for argument in node.arguments if argument.name.value == name), None)
        if isinstance(given, VariableNode):
            return 1, (given.name.value,)
        if given is not None:
            return _length(value_from_ast_untyped(given)), ()
        default = declared.args[name].default_value if name in declared.args else Undefined
        return (1 if default is Undefined else _length(default)), ()


def _length(value: Any) -> int:
    if isinstance(value, list):
        return max(1, len(value))
    return max(1, value) if isinstance(value, int) else 1
