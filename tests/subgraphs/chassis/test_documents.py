"""What a client may send, in size."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import pytest
import strawberry
from graphql import parse

from subgraphs.chassis.graphql import limits
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.graphql.documents import Checked, DocumentCache
from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.identity import Identity

T = TypeVar("T")


@strawberry.type
class Tree:
    @strawberry.field
    def child(self) -> "Tree":
        return Tree()

    @strawberry.field
    def name(self) -> str:
        return "leaf"


@strawberry.type
class Query:
    @strawberry.field
    def tree(self) -> Tree:
        return Tree()

    @strawberry.field
    def secret(self) -> str:
        raise ValueError("password=hunter2")


schema = build_schema(query=Query)
CONTEXT = Context(identity=Identity("gateway"), request_id="r-1")


def nested(levels: int) -> str:
    return "{ tree " + "{ child " * levels + "{ name }" + " }" * levels + " }"


def within_calls(most: int, work: Callable[[], T]) -> T:
    """The result of `work`, which may call `most` functions: counted, since a busy machine makes no more of them."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"
        assert calls <= most

    sys.setprofile(count)
    try:
        return work()
    finally:
        sys.setprofile(None)


# Doubling fragments thirty times means a thousand million fields; measuring them must take no time.
def test_fragments_that_double_are_measured_in_linear_time_and_refused() -> None:
    fragments = [
        f"fragment F{n} on Tree {{ a: child {{ ...F{n + 1} }} b: child {{ ...F{n + 1} }} }}" for n in range(30)
    ]
    document = "{ tree { ...F0 } } fragment F30 on Tree { name } " + " ".join(fragments)
    parsed = parse(document)
    size = within_calls(50_000, lambda: limits.measure(parsed))
    assert size.cost > 2**30
    assert size.depth == 32
    assert limits.violations(parse(document))


# A cycle is validation's to refuse; measuring must merely end.
def test_cyclic_fragments_are_refused_by_validation() -> None:
    result = schema.execute_sync("{ tree { ...A } } fragment A on Tree { child { ...A } }", context_value=CONTEXT)
    assert "Cannot spread fragment 'A' within itself" in str(result.errors)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (nested(limits.MAX_DEPTH), "levels"),
        ("{ " + " ".join(f"a{n}: tree {{ name }}" for n in range(limits.MAX_ALIASES + 1)) + " }", "aliases"),
    ],
)
def test_a_document_that_is_too_large_is_refused(document: str, what: str) -> None:
    result = schema.execute_sync(document, context_value=CONTEXT)
    assert result.data is None
    assert [error.extensions for error in result.errors or []] == [{"code": "DOCUMENT_TOO_LARGE"}]
    assert what in str(result.errors)


# Fields that compute for milliseconds are worth many others, also behind aliases and in fragments.
def test_a_costly_field_weighs_what_its_service_says() -> None:
    weighing = build_schema(query=Query, costs={"name": 100})

    def codes(document: str) -> list[object]:
        result = weighing.execute_sync(document, context_value=CONTEXT)
        return [error.extensions for error in result.errors or []]

    names = " ".join(f"a{n}: name" for n in range(49))
    assert codes("{ tree { " + names + " } }") == []
    assert codes("{ tree { " + names + " ...F } } fragment F on Tree { b: name }") == [{"code": "DOCUMENT_TOO_LARGE"}]
    assert codes("{ tree { ...F child { ...F } } } fragment F on Tree { " + names + " }") == [
        {"code": "DOCUMENT_TOO_LARGE"}
    ]


def test_a_document_just_inside_the_limits_is_answered() -> None:
    result = schema.execute_sync(nested(limits.MAX_DEPTH - 2), context_value=CONTEXT)
    assert result.errors is None


@pytest.mark.parametrize("document", ["{ " + "name " * 11_000 + "}", "#" + "x" * 100_001])
def test_too_many_tokens_or_characters_are_refused_before_validation(document: str) -> None:
    result = schema.execute_sync(document, context_value=CONTEXT)
    assert result.data is None
    assert len(result.errors or []) == 1
    assert len(str(result.errors)) < 1000


# The second execution takes document and errors from the cache: the answers must not differ.
@pytest.mark.parametrize("document", ["{ tree { name } }", "{ tree { unknown } }", nested(40)])
def test_a_remembered_document_answers_as_the_first_time(document: str) -> None:
    first = schema.execute_sync(document, context_value=CONTEXT)
    again = schema.execute_sync(document, context_value=CONTEXT)
    assert again.data == first.data
    assert [str(error) for error in again.errors or []] == [str(error) for error in first.errors or []]


def test_the_cache_forgets_the_least_recently_used_when_it_is_full() -> None:
    cache = DocumentCache()
    checked = Checked(parse("{ a }"), [])
    for number in range(500):
        cache.remember(f"document {number}", checked)
    assert cache.find("document 0") is checked
    cache.remember("one more", checked)
    assert cache.find("document 0") is checked
    assert cache.find("document 1") is None
    for number in range(60):
        cache.remember(str(number) * 50_000, checked)
    assert cache.find("one more") is None


# What a resolver raises by accident is not told to clients: no message, no type, only an id to look it up by.
def test_unexpected_errors_are_masked() -> None:
    result = schema.execute_sync("{ secret }", context_value=CONTEXT)
    assert [error.formatted for error in result.errors or []] == [
        {
            "message": "Internal error.",
            "path": ["secret"],
            "locations": [{"line": 1, "column": 3}],
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-1"},
        }
    ]
