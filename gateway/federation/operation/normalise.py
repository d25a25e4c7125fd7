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
    print_ast,
)
from graphql.language.ast import Node

from gateway.federation.errors import PlanningFailed, RequestRefused
from gateway.federation.fieldset import print_arguments
from gateway.federation.operation.document import Operation, is_included
from gateway.federation.operation.incremental import (
    NAMES,
    DeferUse,
    StreamUse,
    find_directive,
    is_active,
    label_of,
    read_stream,
)
from gateway.federation.planner.ownership import TYPENAME, Ownership
from gateway.federation.planner.position import Item, Order, Position

_Scope = tuple[str, ...] | None
# When a field was met, and in which deferred fragment.
_Met = tuple[Order, FieldNode, DeferUse | None]


@dataclass(slots=True)
class _Found:
    """What was met, by type scope (None: every type) and response name.

    `order` says when a name was first met in a scope.
    """

    scopes: dict[str | None, dict[str, list[_Met]]] = field(default_factory=lambda: {None: {}})
    order: dict[tuple[str | None, str], Order] = field(default_factory=dict)


@dataclass(slots=True)
class Normalised:
    """The operation's root position with everything below it, and what it asks of the schema itself.

    `phases` are the parts of the answer: the deferred fragments whose fields come together, none for the first part.
    """

    root: Position
    introspection: list[FieldNode]
    phases: list[frozenset[DeferUse]]


class Normaliser:
    """One pass over one operation with its conditions decided. `incremental`: whether `@defer` and `@stream` count."""

    def __init__(
        self,
        ownership: Ownership,
        schema: GraphQLSchema,
        operation: Operation,
        conditions: Mapping[str, bool],
        max_positions: int,
        incremental: bool = False,
    ) -> None:
        self._ownership = ownership
        self._supergraph = ownership.supergraph
        self._schema = schema
        self._operation = operation
        self._conditions = conditions
        self._left = max_positions
        self._clock = 0
        self._incremental = incremental
        self._uses = 0
        # By the id of a node of the document: whether anything in it may be deferred or streamed.
        self._split: dict[int, bool] = {}
        self._phases: list[frozenset[DeferUse]] = [frozenset()]
        self._introspection: list[FieldNode] = []

    def run(self) -> Normalised:
        """Raises RequestRefused when the operation grows too large."""
        root_type = self._supergraph.roots[self._operation.kind]
        root = Position(root_type, (root_type,), frozenset(self._supergraph.graphs))
        self._fill(root, [((), self._operation.node.selection_set, None)])
        return Normalised(root, self._introspection, self._phases)

    def _fill(self, position: Position, selection_sets: list[tuple[Order, SelectionSetNode, DeferUse | None]]) -> None:
        found = _Found()
        for mention, selection_set, use in selection_sets:
            self._collect(position, mention, selection_set, None, found, use)
        if self._supergraph.is_abstract(position.type):
            self._expand_where_needed(position, found)
            self._expand_where_split(position, found)
        # In the order in which the client first mentions them, so that merged children keep theirs.
        for (scope, key), order in sorted(found.order.items(), key=lambda entry: entry[1]):
            met = found.scopes.get(scope, {}).get(key)
            if met is None:
                continue
            target = position if scope is None else position.cast(scope, self._ownership)
            # What every object has need not be asked again of one type; what has children may differ below.
            repeated = scope is not None and key in found.scopes[None] and met[0][1].selection_set is None
            if not repeated:
                self._add(target, key, met, order)
            elif order < found.order[None, key]:
                target.earlier[key] = order

    def _collect(
        self,
        position: Position,
        mention: Order,
        selection_set: SelectionSetNode,
        scope: _Scope,
        found: _Found,
        use: DeferUse | None,
    ) -> None:
        for node in selection_set.selections:
            if not is_included(tuple(node.directives), self._conditions):
                continue
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                for target in (None,) if scope is None else scope:
                    self._clock += 1
                    order = (*mention, self._clock)
                    found.scopes.setdefault(target, {}).setdefault(key, []).append((order, node, use))
                    found.order.setdefault((target, key), order)
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
                self._collect(position, mention, inner, narrowed, found, self._deferred(node, position, use))

    def _deferred(
        self, node: FragmentSpreadNode | InlineFragmentNode, position: Position, around: DeferUse | None
    ) -> DeferUse | None:
        """The deferred fragment that a fragment's fields stand in."""
        directive = find_directive(node, "defer") if self._incremental else None
        if directive is None or not is_active(directive, self._conditions):
            return around
        self._uses += 1
        return DeferUse(self._uses, label_of(directive), position.keys(), around)

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
        if parent is None or _cannot_occur(parent.position):
            return
        for key, met in list(found.scopes[None].items()):
            name = met[0][1].name.value
            if self._ownership.keeps_together(parent.position.type, parent.name, position.type, name):
                continue
            self._check_anchor(position, parent, name)
            if not position.runtime:
                raise PlanningFailed(f"no object can be the {position.type} of {parent.position.type}.{parent.name}")
            self._ask_of_each(position, found, key)

    def _expand_where_split(self, position: Position, found: _Found) -> None:
        """So are those of which one type has a part in another part of the answer: it has to be seen as a whole."""
        if not self._incremental:
            return
        for key, met in list(found.scopes[None].items()):
            uses = {use for _, _, use in met}
            for other in [scope[key] for name, scope in found.scopes.items() if name is not None and key in scope]:
                differ = {use for _, _, use in other} != uses
                if differ or any(self._is_split(node) for _, node, _ in (*met, *other)):
                    self._ask_of_each(position, found, key)
                    break

    def _is_split(self, node: Node) -> bool:
        """Whether anything of a selection may be deferred or streamed."""
        known = self._split.get(id(node))
        if known is None:
            selected: SelectionSetNode | None = getattr(node, "selection_set", None)
            below: list[Node] = list(selected.selections) if selected is not None else []
            if isinstance(node, FragmentSpreadNode):
                below.append(self._operation.fragments[node.name.value])
            parts = any(directive.name.value in NAMES for directive in getattr(node, "directives", ()))
            known = self._split[id(node)] = parts or any(self._is_split(one) for one in below)
        return known

    def _ask_of_each(self, position: Position, found: _Found, key: str) -> None:
        met = found.scopes[None].pop(key)
        for member in position.runtime:
            if member in self._schema.type_map:
                scope = found.scopes.setdefault(member, {})
                # In the order of mention, which is that of the merged children.
                scope[key] = sorted(met + scope.get(key, []), key=lambda entry: entry[0])
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

    def _add(self, position: Position, key: str, met: list[_Met], order: Order) -> None:
        self._left -= 1
        if self._left < 0:
            raise RequestRefused.because("The operation expands to too many fields.", "OPERATION_TOO_COMPLEX")
        node = met[0][1]
        name = node.name.value
        item = Item(position, key, name, print_arguments(tuple(node.arguments)), frozenset(_variables(node.arguments)))
        item.order = order
        if name.startswith("__") and name != TYPENAME:
            position.add(item, self._ownership)
            self._introspection += [other for _, other, _ in met]
            return
        item.phase = self._phase({use for _, _, use in met})
        if name == TYPENAME:
            position.add(item, self._ownership)
            return
        definition = self._schema.type_map[position.type].fields[name]  # type: ignore[attr-defined]
        item.api_type = definition.type
        if self._incremental:
            item.stream = self._stream(met)
        position.add(item, self._ownership)
        named = get_named_type(definition.type).name
        if self._supergraph.is_composite(named):
            below = position.child(item, named, self._ownership)
            self._fill(
                below, [(when, other.selection_set, use) for when, other, use in met if other.selection_set is not None]
            )

    def _phase(self, uses: set[DeferUse | None]) -> int:
        """The part of the answer for a field that is met in these fragments. (Draft, "GetFilteredDeferUsageSet".)"""
        together = frozenset(use for use in uses if use is not None)
        if len(together) < len(uses):
            return 0
        outermost = frozenset(use for use in together if not use.within(together))
        if outermost not in self._phases:
            self._phases.append(outermost)
        return self._phases.index(outermost)

    def _stream(self, met: list[_Met]) -> StreamUse | None:
        directives = [find_directive(node, "stream") for _, node, _ in met]
        first = directives[0]
        text = None if first is None else print_ast(first)
        for other in directives[1:]:
            if (None if other is None else print_ast(other)) != text:
                message = f'Fields "{met[0][1].name.value}" conflict because they have differing stream directives.'
                raise RequestRefused.because(message, "GRAPHQL_VALIDATION_FAILED")
        # A list that several deferred fragments have in common comes whole: it could not be told whose items follow.
        if first is None or len({use for _, _, use in met}) > 1 or not is_active(first, self._conditions):
            return None
        return read_stream(first)


def _cannot_occur(position: Position) -> bool:
    """Whether a place stands below a type that no object there can be of: nothing will be asked for it."""
    here: Position | None = position
    while here is not None:
        if here.base is not None and here.type not in here.base.runtime:
            return True
        here = here.parent.position if here.parent is not None else None
    return False


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
