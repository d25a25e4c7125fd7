"""Turns an operation's selections into positions: fragments resolved, duplicates merged, conditions decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from graphql.language.ast import Node

from gateway.federation.errors import PlanningFailed, RequestRefused
from gateway.federation.fieldset import print_arguments
from gateway.federation.operation.document import Operation, is_included
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.position import Item, Position

_Scope = tuple[str, ...] | None


@dataclass(slots=True)
class _Found:
    """Field nodes, with when each was met, by type scope (None: every type) and response name.

    `order` says when a name was first met in a scope.
    """

    scopes: dict[str | None, dict[str, list[tuple[int, FieldNode]]]] = field(default_factory=lambda: {None: {}})
    order: dict[tuple[str | None, str], int] = field(default_factory=dict)


class Normaliser:
    """One pass over one operation with its conditions decided."""

    def __init__(
        self,
        ownership: Ownership,
        schema: GraphQLSchema,
        operation: Operation,
        conditions: Mapping[str, bool],
        max_positions: int,
    ) -> None:
        self._ownership = ownership
        self._supergraph = ownership.supergraph
        self._schema = schema
        self._operation = operation
        self._conditions = conditions
        self._left = max_positions
        self._clock = 0
        self.introspection: list[FieldNode] = []

    def root(self) -> Position:
        """The operation's root position with everything below it. Raises RequestRefused when it grows too large."""
        root_type = self._supergraph.roots[self._operation.kind]
        root = Position(root_type, (root_type,), frozenset(self._supergraph.graphs))
        self._fill(root, [self._operation.node.selection_set])
        return root

    def _fill(self, position: Position, selection_sets: list[SelectionSetNode]) -> None:
        found = _Found()
        for selection_set in selection_sets:
            self._collect(position, selection_set, None, found)
        if self._supergraph.is_abstract(position.type):
            self._expand_where_needed(position, found)
        # In the order in which the client first mentions them, so that merged children keep theirs.
        for (scope, key), order in sorted(found.order.items(), key=lambda entry: entry[1]):
            met = found.scopes.get(scope, {}).get(key)
            if met is None:
                continue
            nodes = [node for _, node in met]
            target = position if scope is None else position.cast(scope, self._ownership)
            # What every object has need not be asked again of one type; what has children may differ below.
            repeated = scope is not None and key in found.scopes[None] and nodes[0].selection_set is None
            if not repeated:
                self._add(target, key, nodes, order)
            elif order < found.order[None, key]:
                target.earlier[key] = order

    def _collect(self, position: Position, selection_set: SelectionSetNode, scope: _Scope, found: _Found) -> None:
        for node in selection_set.selections:
            if not is_included(tuple(node.directives), self._conditions):
                continue
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                for target in (None,) if scope is None else scope:
                    self._clock += 1
                    found.scopes.setdefault(target, {}).setdefault(key, []).append((self._clock, node))
                    found.order.setdefault((target, key), self._clock)
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment = self._operation.fragments[node.name.value]
                condition: str | None = fragment.type_condition.name.value
                inner = fragment.selection_set
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else None
                inner = node.selection_set
            else:  # pragma: no cover - the grammar has no other selection
                continue
            narrowed = self._narrow(position, scope, condition)
            if narrowed != ():
                self._collect(position, inner, narrowed, found)

    def _narrow(self, position: Position, scope: _Scope, condition: str | None) -> _Scope:
        if condition is None or condition == position.type:
            return scope
        if scope is None and condition in self._supergraph.interfaces.get(position.type, ()):
            return None
        possible = self._supergraph.possible.get(condition, ())
        if scope is not None:
            return tuple(member for member in scope if member in possible)
        if not self._supergraph.is_abstract(position.type):
            return None if position.type in possible else ()
        # Types that cannot occur here are kept: should a subgraph answer one all the same, its fields are null.
        members = self._supergraph.possible.get(position.type, ())
        return tuple(m for m in members if m in possible and m in self._schema.type_map)

    def _expand_where_needed(self, position: Position, found: _Found) -> None:
        """Fields of an interface that no subgraph answers for all its objects are asked of each type instead."""
        parent = position.parent
        if parent is None:
            return
        for key, nodes in list(found.scopes[None].items()):
            name = nodes[0][1].name.value
            if self._ownership.keeps_together(parent.position.type, parent.name, position.type, name):
                continue
            self._check_anchor(position, parent, name)
            if not position.runtime:
                raise PlanningFailed(f"no object can be the {position.type} of {parent.position.type}.{parent.name}")
            del found.scopes[None][key]
            for member in position.runtime:
                if member in self._schema.type_map:
                    scope = found.scopes.setdefault(member, {})
                    # In the order of mention, which is that of the merged children.
                    scope[key] = sorted(nodes + scope.get(key, []), key=lambda entry: entry[0])
                    order = found.order[None, key]
                    found.order[member, key] = min(order, found.order.get((member, key), order))

    def _check_anchor(self, position: Position, parent: Item, name: str) -> None:
        """Some one subgraph that gives the interface must lead on to the field for every type it may return."""
        producers = self._ownership.owners(parent.position.type, parent.name)
        if not producers or any(owner.provides is not None for _, _, owner in producers):
            return
        here: Position | None = parent.position
        while here is not None and here.parent is not None:
            owners = self._ownership.owners(here.parent.position.type, here.parent.name)
            if any(owner.provides is not None for _, _, owner in owners):
                return
            here = here.parent.position
        for graph, _, produced in producers:
            local = self._ownership.local(graph, produced.named)
            members = [m for m in local.possible if m in position.runtime] if local is not None else []
            if all(self._leads_to(member, graph, name) for member in members):
                return
        raise PlanningFailed(f"no subgraph leads from {parent.position.type}.{parent.name} to {position.type}.{name}")

    def _leads_to(self, type_name: str, graph: str, name: str) -> bool:
        reachable = self._ownership.reachable(type_name, graph)
        return any(owner in reachable for owner, _, _ in self._ownership.owners(type_name, name))

    def _add(self, position: Position, key: str, nodes: list[FieldNode], order: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise RequestRefused.because("The operation expands to too many fields.", "OPERATION_TOO_COMPLEX")
        node = nodes[0]
        name = node.name.value
        item = Item(position, key, name, print_arguments(tuple(node.arguments)), frozenset(_variables(node.arguments)))
        item.order = order
        if name.startswith("__"):
            position.add(item, self._ownership)
            if name != TYPENAME:
                self.introspection += nodes
            return
        definition = self._schema.type_map[position.type].fields[name]  # type: ignore[attr-defined]
        item.api_type = definition.type
        position.add(item, self._ownership)
        named = get_named_type(definition.type).name
        if self._supergraph.is_composite(named):
            below = position.child(item, named, self._ownership)
            self._fill(below, [other.selection_set for other in nodes if other.selection_set is not None])


def _variables(nodes: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, VariableNode):
            yield node.name.value
        elif isinstance(node, Node):
            for key in node.keys:
                value = getattr(node, key, None)
                if isinstance(value, list | tuple):
                    yield from _variables(value)
                elif isinstance(value, Node):
                    yield from _variables((value,))
