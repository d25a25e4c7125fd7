"""Parse, measure and validate a document once, and remember the outcome."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from subgraphs.chassis.graphql import limits
from subgraphs.chassis.graphql.bad_values import in_document

MAX_REMEMBERED: Final = 500
MAX_REMEMBERED_CHARACTERS: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Checked:
    document: DocumentNode
    errors: list[GraphQLError]


class DocumentCache:
    """Checked documents of one schema by their text, least recently used out first; bounded in count and in size."""

    def __init__(self) -> None:
        self._checked: OrderedDict[str, Checked] = OrderedDict()
        self._characters = 0

    def find(self, text: str) -> Checked | None:
        found = self._checked.get(text)
        if found is not None:
            self._checked.move_to_end(text)
        return found

    def remember(self, text: str, checked: Checked) -> None:
        if text in self._checked:
            return
        self._checked[text] = checked
        self._characters += len(text)
        while len(self._checked) > MAX_REMEMBERED or self._characters > MAX_REMEMBERED_CHARACTERS:
            forgotten, _ = self._checked.popitem(last=False)
            self._characters -= len(forgotten)


class CheckDocument(SchemaExtension):
    """Fills in the parsed document and its errors, so that strawberry neither parses nor validates again."""

    def __init__(self, cache: DocumentCache, costs: Mapping[str, int] = limits.NO_COSTS) -> None:
        self._cache = cache
        self._costs = costs
        self._found: Checked | None = None

    def on_parse(self) -> Iterator[None]:
        text = self.execution_context.query or ""
        self._found = self._cache.find(text)
        if self._found is not None:
            self.execution_context.graphql_document = self._found.document
        elif len(text) > limits.MAX_DOCUMENT_LENGTH:
            raise GraphQLError("The document is too long.", extensions={"code": "DOCUMENT_TOO_LARGE"})
        elif text:
            self.execution_context.graphql_document = parse(text, max_tokens=limits.MAX_TOKENS)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document, schema = context.graphql_document, context.schema._schema
        if self._found is None and document is not None:
            self._found = Checked(document, _errors(schema, document, context.validation_rules, self._costs))
            self._cache.remember(context.query or "", self._found)
        if self._found is not None:
            context.pre_execution_errors = self._found.errors
        yield


def _errors(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type, ...], costs: Mapping[str, int]
) -> list[GraphQLError]:
    # Size first: validation rules compare fields pairwise, and must not be shown a document of any size.
    return limits.violations(document, costs) or in_document(document, validate_document(schema, document, rules))
