"""Refuses what would be expensive to validate or plan, at a cost linear in the document's length."""

import re
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.federation.errors import RequestRefused
from gateway.federation.settings import Limits

_NESTING = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*|[{}\[\]()]', re.DOTALL)
_NESTING_ALLOWED = 4


@dataclass(slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0


def check_text(query: str, limits: Limits) -> None:
    """Refuses documents that are too long or nested too deeply for a recursive parser. Raises RequestRefused."""
    if len(query) > limits.document_bytes or len(query.encode("utf-8", "surrogatepass")) > limits.document_bytes:
        raise _refused(f"The document is larger than {limits.document_bytes} bytes.")
    # Braces, lists and arguments may all nest; a field costs one brace.
    bound = limits.depth + _NESTING_ALLOWED * 4
    depth = 0
    for match in _NESTING.finditer(query):
        mark = match.group()
        if mark in "{[(":
            depth += 1
            if depth > bound:
                raise _refused(f"The document is nested more than {limits.depth} levels deep.")
        elif mark in "}])":
            depth -= 1


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Depth, fields, aliases and directives with fragments expanded; every fragment is measured once.

    Raises RequestRefused, also for fragments that spread themselves (so that no later pass can loop).
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes: dict[str, _Size] = {}
    open_fragments: set[str] = set()
    names: dict[str, int] = {}

    def fragment_size(name: str) -> _Size:
        known = sizes.get(name)
        if known is not None:
            return known
        node = fragments.get(name)
        if node is None:
            return _Size()
        if name in open_fragments:
            raise RequestRefused.because(f'Cannot spread fragment "{name}" within itself.', "GRAPHQL_VALIDATION_FAILED")
        if len(open_fragments) > limits.depth * 2:
            raise _refused("Too many fragments are spread within one another.")
        open_fragments.add(name)
        size = measure(node.selection_set)
        size.directives += len(node.directives)
        open_fragments.discard(name)
        sizes[name] = size
        return size

    def measure(selection_set: SelectionSetNode) -> _Size:
        total = _Size()
        for node in selection_set.selections:
            inner = _Size()
            if isinstance(node, FieldNode):
                response_name = (node.alias or node.name).value
                names[response_name] = names.get(response_name, 0) + 1
                if node.selection_set is not None:
                    inner = measure(node.selection_set)
                inner.depth += 1
                inner.fields += 1
                inner.aliases += node.alias is not None
            elif isinstance(node, InlineFragmentNode):
                inner = measure(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                known = fragment_size(node.name.value)
                inner = _Size(known.depth, known.fields, known.aliases, known.directives)
            total.depth = max(total.depth, inner.depth)
            total.fields += inner.fields
            total.aliases += inner.aliases
            total.directives += inner.directives + len(node.directives)
        return total

    for name in fragments:
        _compare(fragment_size(name), limits)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            if len(node.selection_set.selections) > limits.root_fields:
                raise _refused(f"The operation selects more than {limits.root_fields} root fields.")
            size = measure(node.selection_set)
            size.directives += len(node.directives) + sum(len(v.directives) for v in node.variable_definitions)
            _compare(size, limits)
    if sum(count * (count - 1) // 2 for count in names.values()) > limits.pairs:
        raise _refused("One response name is selected too many times.")


def _compare(size: _Size, limits: Limits) -> None:
    for what in ("depth", "fields", "aliases", "directives"):
        allowed = getattr(limits, what)
        if getattr(size, what) > allowed:
            raise _refused(f"The operation's {what} exceed the {allowed} allowed.")


def _refused(message: str) -> RequestRefused:
    return RequestRefused.because(message, "OPERATION_TOO_COMPLEX")
