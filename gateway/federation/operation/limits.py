"""Refuses what would be expensive to validate or plan, at a cost linear in the document's length."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
)

from gateway.federation.errors import RequestRefused
from gateway.federation.operation.incremental import NAMES
from gateway.federation.settings import Limits

# Strings, comments, names, numbers and marks, each character looked at once: what is left open ends with the text.
_TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\(?:""")?+|"(?!""))*+(?:""")?+'
    r'|"(?:[^"\\\n\r]++|\\[^\n\r])*+"?+'
    r"|\#[^\n\r]*+"
    r"|[_A-Za-z][_0-9A-Za-z]*+"
    r"|-?[0-9][0-9A-Za-z.+-]*+"
    r"|\.\.\.|[!$&()\[\]{}:=|@]"
)
_NESTING_ALLOWED = 4
# What comparing one field with another costs, in comparisons of two plain leaves: graphql-core looks into selections
# and prints every value of an argument again for each pair.
_SELECTION_WEIGHT = 3
_VALUE_WEIGHT = 7
# A document may hold several operations; all together they are walked no longer than this many of the largest.
_OPERATIONS_WALKED = 4


@dataclass(slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    parts: int = 0


def check_text(query: str, limits: Limits) -> None:
    """Refuses what is too long, of too many tokens or nested too deeply for a recursive parser. Raises RequestRefused.

    One pass over the text that stops at the first bound, before anything is built from it.
    """
    if len(query) > limits.document_bytes or len(query.encode("utf-8", "surrogatepass")) > limits.document_bytes:
        raise _refused(f"The document is larger than {limits.document_bytes} bytes.")
    # Braces, lists and arguments may all nest; a field costs one brace.
    bound = limits.depth + _NESTING_ALLOWED * 4
    depth = tokens = 0
    for match in _TOKEN.finditer(query):
        mark = query[match.start()]
        if mark == "#":
            continue
        tokens += 1
        if tokens > limits.tokens:
            raise _refused(f"The document has more than {limits.tokens} tokens.")
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
                if node.selection_set is not None:
                    inner = measure(node.selection_set)
                inner.depth += 1
                inner.fields += 1
                inner.aliases += node.alias is not None
            elif isinstance(node, InlineFragmentNode):
                inner = measure(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                known = fragment_size(node.name.value)
                inner = replace(known)
            total.depth = max(total.depth, inner.depth)
            total.fields += inner.fields
            total.aliases += inner.aliases
            total.directives += inner.directives + len(node.directives)
            total.parts += inner.parts + sum(directive.name.value in NAMES for directive in node.directives)
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
    _check_pairs(document, fragments, limits)


def _check_pairs(document: DocumentNode, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> None:
    """Bounds the fields that validation has to compare: those of one response name at one place of the answer.

    Fragments must not be cyclic. The walk is bounded too, as many operations may share large fragments.
    """
    pairs = 0.0
    steps = 0
    used: set[str] = set()

    def gather(selections: Iterable[SelectionNode], found: dict[str, list[FieldNode]]) -> None:
        nonlocal steps
        for node in selections:
            steps += 1
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                gather(node.selection_set.selections, found)
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments.get(node.name.value)
                if fragment is not None:
                    used.add(node.name.value)
                    gather(fragment.selection_set.selections, found)
        if steps > limits.fields * _OPERATIONS_WALKED:
            raise _refused("The document's operations select too much together.")

    def walk(together: list[SelectionSetNode]) -> None:
        nonlocal pairs
        found: dict[str, list[FieldNode]] = {}
        for selection_set in together:
            gather(selection_set.selections, found)
        for nodes in found.values():
            if len(nodes) > 1:
                pairs += (len(nodes) - 1) * sum(map(_weight, nodes)) / 2
                if pairs > limits.pairs:
                    raise _refused("One response name is selected too many times.")
            below = [node.selection_set for node in nodes if node.selection_set is not None]
            if below:
                walk(below)

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            walk([definition.selection_set])
    for name, fragment in fragments.items():
        if name not in used:
            walk([fragment.selection_set])


def _weight(node: FieldNode) -> int:
    weight = 1 if node.selection_set is None else _SELECTION_WEIGHT
    values: list[ValueNode] = [argument.value for argument in node.arguments]
    while values:
        value = values.pop()
        weight += _VALUE_WEIGHT
        if isinstance(value, ListValueNode):
            values.extend(value.values)
        elif isinstance(value, ObjectValueNode):
            values.extend(field.value for field in value.fields)
    return weight


def _compare(size: _Size, limits: Limits) -> None:
    for what in ("depth", "fields", "aliases", "directives", "parts"):
        allowed = getattr(limits, what)
        if getattr(size, what) > allowed:
            raise _refused(f"The operation's {what} exceed the {allowed} allowed.")


def _refused(message: str) -> RequestRefused:
    return RequestRefused.because(message, "OPERATION_TOO_COMPLEX")
