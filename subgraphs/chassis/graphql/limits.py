"""How large a document may be, computed once per document and memoised per fragment.

A fragment may be spread many times; walking it each time is exponential in a document's length, so every fragment is
measured once and its measure added where it is spread.
"""

from __future__ import annotations

from dataclasses import dataclass
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
MAX_FIELDS: Final = 5_000  # after spreading every fragment


@dataclass(frozen=True, slots=True)
class Size:
    depth: int = 0
    aliases: int = 0
    fields: int = 0


def measure(document: DocumentNode) -> Size:
    """The largest operation's size in each respect. Cyclic fragments count once: validation refuses them."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    memo: dict[str, Size] = {}
    largest = Size()
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            size = _measure(node.selection_set, fragments, memo)
            largest = Size(
                max(largest.depth, size.depth), max(largest.aliases, size.aliases), max(largest.fields, size.fields)
            )
    return largest


def violations(document: DocumentNode) -> list[GraphQLError]:
    """What is too large, as errors a client may read."""
    size = measure(document)
    return [
        GraphQLError(f"The document has {found} {what}, more than {limit}.", extensions={"code": "DOCUMENT_TOO_LARGE"})
        for what, found, limit in (
            ("levels", size.depth, MAX_DEPTH),
            ("aliases", size.aliases, MAX_ALIASES),
            ("fields", size.fields, MAX_FIELDS),
        )
        if found > limit
    ]


def _measure(
    selection_set: SelectionSetNode | None, fragments: dict[str, FragmentDefinitionNode], memo: dict[str, Size]
) -> Size:
    depth = aliases = fields = 0
    for selection in selection_set.selections if selection_set else ():
        if isinstance(selection, FieldNode):
            below = _measure(selection.selection_set, fragments, memo)
            size = Size(below.depth + 1, below.aliases + (selection.alias is not None), below.fields + 1)
        elif isinstance(selection, InlineFragmentNode):
            size = _measure(selection.selection_set, fragments, memo)
        elif isinstance(selection, FragmentSpreadNode):
            size = _measure_fragment(selection.name.value, fragments, memo)
        else:
            continue
        depth, aliases, fields = max(depth, size.depth), aliases + size.aliases, fields + size.fields
    return Size(depth, aliases, fields)


def _measure_fragment(name: str, fragments: dict[str, FragmentDefinitionNode], memo: dict[str, Size]) -> Size:
    if name not in memo:
        memo[name] = Size()  # a cycle ends here
        if name in fragments:
            memo[name] = _measure(fragments[name].selection_set, fragments, memo)
    return memo[name]
