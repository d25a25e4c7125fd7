"""How large a document may be, computed once per document and memoised per fragment.

A fragment may be spread many times; walking it each time is exponential in a document's length, so every fragment is
measured once and its measure added where it is spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_DOCUMENT_LENGTH: Final = 100_000  # characters
MAX_TOKENS: Final = 10_000
MAX_DEPTH: Final = 24
MAX_ALIASES: Final = 300
MAX_COST: Final = 5_000  # after spreading every fragment, a field costing 1 unless its service says more


NO_COSTS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Size:
    depth: int = 0
    aliases: int = 0
    cost: int = 0


def measure(document: DocumentNode, costs: Mapping[str, int] = NO_COSTS) -> Size:
    """The largest operation's size in each respect. Cyclic fragments count once: validation refuses them.

    ``costs`` has the fields, by name, that are worth more than 1: what takes milliseconds of computing.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    memo: dict[str, Size] = {}
    largest = Size()
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            size = _measure(node.selection_set, fragments, memo, costs)
            largest = Size(
                max(largest.depth, size.depth), max(largest.aliases, size.aliases), max(largest.cost, size.cost)
            )
    return largest


def violations(document: DocumentNode, costs: Mapping[str, int] = NO_COSTS) -> list[GraphQLError]:
    """What is too large, as errors a client may read."""
    size = measure(document, costs)
    return [
        GraphQLError(f"The document has {found} {what}, more than {limit}.", extensions={"code": "DOCUMENT_TOO_LARGE"})
        for what, found, limit in (
            ("levels", size.depth, MAX_DEPTH),
            ("aliases", size.aliases, MAX_ALIASES),
            ("points of cost", size.cost, MAX_COST),
        )
        if found > limit
    ]


def _measure(
    selection_set: SelectionSetNode | None,
    fragments: dict[str, FragmentDefinitionNode],
    memo: dict[str, Size],
    costs: Mapping[str, int],
) -> Size:
    depth = aliases = cost = 0
    for selection in selection_set.selections if selection_set else ():
        if isinstance(selection, FieldNode):
            below = _measure(selection.selection_set, fragments, memo, costs)
            own = costs.get(selection.name.value, 1)
            size = Size(below.depth + 1, below.aliases + (selection.alias is not None), below.cost + own)
        elif isinstance(selection, InlineFragmentNode):
            size = _measure(selection.selection_set, fragments, memo, costs)
        elif isinstance(selection, FragmentSpreadNode):
            size = _measure_fragment(selection.name.value, fragments, memo, costs)
        else:
            continue
        depth, aliases, cost = max(depth, size.depth), aliases + size.aliases, cost + size.cost
    return Size(depth, aliases, cost)


def _measure_fragment(
    name: str, fragments: dict[str, FragmentDefinitionNode], memo: dict[str, Size], costs: Mapping[str, int]
) -> Size:
    if name not in memo:
        memo[name] = Size()  # a cycle ends here
        if name in fragments:
            memo[name] = _measure(fragments[name].selection_set, fragments, memo, costs)
    return memo[name]
