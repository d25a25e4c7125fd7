"""Hostile requests are refused for what they are, before they cost anything: bounded work, bounded memory, no fetch.

What it costs in time is measured by `python -m benchmarks.hostile`. Here the work is counted.
"""

import sys
import tracemalloc
from collections.abc import Awaitable
from types import FrameType
from typing import Any

import msgspec
import pytest

from gateway.federation import Engine, EngineSettings, GraphQLRequest, RequestRefused
from gateway.federation.operation.limits import check_text
from gateway.federation.settings import Limits
from tests.gateway.federation.hostile import BODIES, DOCUMENTS, make_engine, post

CALLS_MOST = 500_000
PEAK_MOST = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def engine() -> Engine:
    return make_engine()


async def count_calls(work: Awaitable[Any]) -> tuple[Any, int]:
    """What `work` gives, and how many functions were called for it."""
    calls = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = await work
    finally:
        sys.setprofile(before)
    return result, calls


async def peak_of(work: Awaitable[Any]) -> int:
    """Bytes allocated at most at one moment while `work` ran."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await work
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_hostile_document_is_refused_with_little_work(engine: Engine, name: str) -> None:
    query, code = DOCUMENTS[name]
    response, calls = await count_calls(engine.execute_detailed(GraphQLRequest(query=query)))
    assert response.kind == "request_error"
    assert {error["extensions"]["code"] for error in msgspec.json.decode(response.body)["errors"]} == {code}
    assert calls < CALLS_MOST
    assert len(response.body) < 32_768


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_hostile_document_takes_little_memory(engine: Engine, name: str) -> None:
    assert await peak_of(engine.execute(GraphQLRequest(query=DOCUMENTS[name][0]))) < PEAK_MOST


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_refused_with_little_work(engine: Engine, name: str) -> None:
    body = BODIES[name]
    (status, answer), calls = await count_calls(post(engine, body))
    assert (status, msgspec.json.decode(answer)["errors"][0]["extensions"]["code"]) == (body.status, body.code)
    assert calls < CALLS_MOST
    assert len(answer) < 32_768


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_takes_little_memory(engine: Engine, name: str) -> None:
    assert await peak_of(post(engine, BODIES[name])) < PEAK_MOST


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("{ a }", 3),
        ("{ a, b # c d e\n c }", 5),
        ('{ a(b: "c \\" { d", e: """f " g \\""" { """) }', 11),
        ('{ a(b: """\\\\""" { """) }', 8),
        ('{ a(b: "", c: """""") }', 11),
        ("query Q($a: [Int!]! = [1, -2.5e3]) @b { ...c ... on D { e: f } }", 31),
    ],
)
def test_tokens_are_counted_as_the_parser_counts_them(text: str, tokens: int) -> None:
    """As many as there are pass; with one less allowed the text is refused before anything parses it."""
    check_text(text, Limits(tokens=tokens))
    with pytest.raises(RequestRefused, match=f"more than {tokens - 1} tokens"):
        check_text(text, Limits(tokens=tokens - 1))


async def test_a_syntax_error_at_a_word_is_one_whatever_the_word() -> None:
    """It was once read as a document of too many of them."""
    answer = await make_engine().execute(GraphQLRequest(query="tokens { id }"))
    assert [error["extensions"]["code"] for error in msgspec.json.decode(answer)["errors"]] == ["GRAPHQL_PARSE_FAILED"]


def selecting(*selections: str) -> str:
    return "{ events { edges { node { " + " ".join(selections) + " } } } }"


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        (selecting("id") + " # alone", True),
        (selecting(*["id"] * 199), True),
        (selecting(*["id"] * 202), False),
        # The same name in two hundred places of the answer is compared with nothing.
        ("{ " + " ".join(f"a{n}: event(id: {n}) {{ id }}" for n in range(50)) + " }", True),
        # An argument's values are printed again for each pair.
        (selecting(*["combos(first: 1) { id }"] * 30), True),
        (selecting(*["combos(first: 1) { id }"] * 80), False),
        # A fragment counts wherever it is spread.
        (selecting(*["...F"] * 12) + " fragment F on Event { " + "id " * 15 + "}", True),
        (selecting(*["...F"] * 12) + " fragment F on Event { " + "id " * 18 + "}", False),
        (selecting("id") + " query B { ...F } fragment F on Query { " + "__typename " * 210 + "}", False),
    ],
)
def test_fields_of_one_name_in_one_place_are_bounded(query: str, allowed: bool) -> None:
    engine = make_engine()
    query = query.replace("{", "query A {", 1)
    if allowed:
        assert engine.operation_kind(query, "A") == "query"
    else:
        with pytest.raises(RequestRefused, match="One response name is selected too many times"):
            engine.operation_kind(query, "A")


async def test_many_operations_cannot_share_one_large_fragment_without_end() -> None:
    engine = make_engine()
    shared = " fragment F on Query { " + " ".join(f"a{n}: __typename" for n in range(100)) + " }"
    few, many = (" ".join(f"query Q{n} {{ ...F }}" for n in range(count)) + shared for count in (20, 100))
    assert engine.operation_kind(few, "Q0") == "query"
    with pytest.raises(RequestRefused, match="select too much together"):
        engine.operation_kind(many, "Q0")


async def test_what_a_refusal_quotes_is_cut() -> None:
    """An error message repeats what the client wrote, which may be the whole document."""
    answer = await make_engine().execute(
        GraphQLRequest(query="{ events(first: " + "9" * 60_000 + ") { edges { cursor } } }")
    )
    (error,) = msgspec.json.decode(answer)["errors"]
    assert len(error["message"]) < 600
    assert error["message"].endswith(" …")


def test_every_bound_can_be_chosen() -> None:
    """What one platform never sends is everyday for another."""
    query = selecting(*["id"] * 400)
    with pytest.raises(RequestRefused):
        make_engine().operation_kind(query)
    assert make_engine(EngineSettings(limits=Limits(pairs=100_000))).operation_kind(query) == "query"
