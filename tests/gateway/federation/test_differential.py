"""Generated operations are answered as graphql-core answers them over one monolith of the same data.

`FEDERATION_EXAMPLES` sets how many are generated (for a soak run).
"""

import asyncio
import os
from typing import Any

import msgspec
import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.federation import EngineSettings, GraphQLRequest, Limits, RequestRefused
from tests.gateway.federation import shop
from tests.gateway.federation.incremental_client import Client, ask_in_parts
from tests.gateway.federation.operations import Generated, operations
from tests.gateway.federation.simulator import Simulation

EXAMPLES = int(os.environ.get("FEDERATION_EXAMPLES", "1400"))
GENEROUS = EngineSettings(
    limits=Limits(aliases=1_000, directives=1_000, parts=1_000, errors=100_000),
    mask_errors=False,
    request_timeout=100_000,
)
LITERALS = {
    "Book.price(currency)": ['"USD"', '"BRL"', "$usd", "null"],
    "Toy.price(currency)": ['"USD"', "$usd"],
    "Product.price(currency)": ['"USD"', "$usd"],
    "User.reviews(first)": ["1", "3", "$n"],
    "Query.book(id)": ['"p0"', '"p4"'],
}
SIMULATION = Simulation(shop.SDL, shop.make_store())
SCHEMA = SIMULATION.engine().api_schema

# Fields that may fail: never one that is a key or a requirement, so that only this field is affected.
BREAKABLE = [
    ("Book", "title"),
    ("Book", "pages"),
    ("Book", "inStock"),
    ("Book", "reviews"),
    ("Toy", "minAge"),
    ("Book", "similar"),
    ("Review", "stars"),
    ("Review", "body"),
    ("Review", "author"),
    ("User", "email"),
    ("User", "friends"),
    ("User", "matrix"),
]
# A field that fails, or is null, in one object of a type.
Fault = tuple[tuple[str, str], bool, int]


def with_faults(broken: list[Fault]) -> dict[str, Any]:
    """Data in which some fields of some objects fail or are null."""
    store = shop.make_store()
    for (type_name, field), as_null, which in broken:
        objects = [entry for entry in store["objects"] if entry["__typename"] == type_name]
        objects[which % len(objects)][field] = None if as_null else ValueError("broken")
    return store


# What the owner of these fields has never heard of: it answers null for the entity and reports no error, so that the
# engine alone has to find the nulls where none may be. A subgraph that fails has judged its own fields by itself.
UNKNOWN = {
    "u0": ("ACCOUNTS", ("name", "email", "friends", "matrix", "greeting")),
    "u1": ("ACCOUNTS", ("name", "email", "friends", "matrix", "greeting")),
    "u2": ("ACCOUNTS", ("name", "email", "friends", "matrix", "greeting")),
    "p0": ("STOCK", ("inStock", "shelf", "shipping")),
    "p2": ("STOCK", ("inStock", "shelf", "shipping")),
    "p4": ("STOCK", ("inStock", "shelf", "shipping")),
}


def with_unknown(store: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Makes subgraphs not know these objects; the monolith has nulls in their place."""
    SIMULATION.unknown = {(UNKNOWN[name][0], name) for name in names}
    for entry in store["objects"]:
        if entry["id"] in names:
            entry |= dict.fromkeys(UNKNOWN[entry["id"]][1])
    return store


ENGINE = SIMULATION.engine(GENEROUS)


def run(store: dict[str, Any], generated: Generated) -> tuple[Any, Any]:
    SIMULATION.store = store
    engine, simulation = ENGINE, SIMULATION
    body = asyncio.run(engine.execute(GraphQLRequest(query=generated.query, variables=generated.variables)))
    expected = simulation.monolith(SCHEMA, generated.query, generated.variables)
    return msgspec.json.decode(body), expected.formatted


def check(store: dict[str, Any], generated: Generated) -> None:
    answered, expected = run(store, generated)
    assert msgspec.json.encode(answered["data"]) == msgspec.json.encode(expected["data"]), generated.query
    paths = {tuple(error["path"]) for error in answered.get("errors", [])}
    wanted = {tuple(error["path"]) for error in expected.get("errors", [])}
    # Below a null that one error explains, either may have been asked for more or less before it was known.
    for one, other in ((paths, wanted), (wanted, paths)):
        for path in one - other:
            place = _nulled_above(path, answered["data"])
            assert place is not None, generated.query
            assert any(known[: len(place)] == place for known in other), generated.query


def _nulled_above(path: tuple[str | int, ...], data: Any) -> tuple[str | int, ...] | None:
    """The place of the null that has taken along what is at a path; None when nothing has."""
    for length, step in enumerate(path):
        if data is None:
            return path[:length]
        data = data[step]
    return None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations(SCHEMA, LITERALS))
def test_generated_operations_answer_like_the_monolith(generated: Generated) -> None:
    assume(not validate(SCHEMA, parse(generated.query)))
    check(shop.make_store(), generated)


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operations(SCHEMA, LITERALS),
    st.lists(st.tuples(st.sampled_from(BREAKABLE), st.booleans(), st.integers(0, 5)), max_size=3),
    st.lists(st.sampled_from(sorted(UNKNOWN)), max_size=4, unique=True),
)
def test_errors_and_nulls_of_subgraphs_propagate_like_the_monolith(
    generated: Generated, broken: list[Fault], unknown: list[str]
) -> None:
    assume(not validate(SCHEMA, parse(generated.query)))
    try:
        check(with_unknown(with_faults(broken), unknown), generated)
    finally:
        SIMULATION.unknown = set()


# Fields that may fail without taking anything else along.
ALONE = [("Book", "title"), ("Book", "inStock"), ("Toy", "minAge"), ("Review", "body"), ("User", "matrix")]


def check_in_parts(store: dict[str, Any], generated: Generated) -> None:
    SIMULATION.store = store
    expected = SIMULATION.monolith(SCHEMA, generated.query, generated.variables).formatted
    client = Client().take_all(asyncio.run(ask_in_parts(ENGINE, generated.query, generated.variables)))
    assert client.data == expected["data"], generated.query
    paths = {tuple(error["path"]) for error in client.errors}
    assert paths == {tuple(error["path"]) for error in expected.get("errors", [])}, generated.query


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operations(SCHEMA, LITERALS, incremental=True),
    st.lists(st.tuples(st.sampled_from(ALONE), st.just(False), st.integers(0, 5)), max_size=2),
)
def test_answers_in_parts_come_to_what_the_monolith_answers(generated: Generated, broken: list[Fault]) -> None:
    assume(not validate(SCHEMA, parse(generated.query)))
    try:
        ENGINE.plan(generated.query, variables=generated.variables)
    except RequestRefused:
        assume(False)  # two selections of one list that differ in @stream
    check_in_parts(with_faults(broken), generated)


# Operations that once answered wrongly.
FOUND = [
    "{ products { ... on Book { __typename } kind: __typename __typename } }",
    "{ node { id ... on Review { stars } } }",
    "{ products { ... on Toy { box { id: size } } box { __typename } } }",
    "{ products { similar { id } ... on Book { similar { id title } } } }",
    "{ products { similar { similar { id } } ... on Toy { similar { similar { __typename } } } } }",
    "{ products { similar { inStock } ... on Toy { similar { id: box { __typename } } } } }",
    "{ products { box { a: label } ... on Book { box { label } } box { __typename } } }",
]


def test_errors_below_what_another_error_takes_along_may_be_told_too() -> None:
    store = shop.make_store()
    next(entry for entry in store["objects"] if entry["__typename"] == "User" and entry["name"] == "caio")["email"] = (
        ValueError("broken")
    )
    check(store, Generated("{ book { author { a: email b: reviews { a: author { a: email } } } } }"))


@pytest.mark.parametrize("query", FOUND)
def test_found_operations_stay_right(query: str) -> None:
    check(shop.make_store(), Generated(query))


@pytest.mark.parametrize(
    ("query", "unknown"),
    [
        ("{ latest { author { email } } }", ["u0"]),
        ("{ latest { author { name } } book { author { friends { id } } } }", ["u0", "u1", "u2"]),
        ("{ products { ... on Book { shelf } } }", ["p2"]),
        ('{ book(id: "p4") { shelf title } }', ["p4"]),
        ("{ products { reviews { author { email } } } }", ["u1"]),
        ("{ subjects { ... on Book { similar { ... on Book { shelf } } } } }", ["p0", "p2"]),
    ],
)
def test_a_null_where_none_may_be_is_taken_up_to_where_one_may(query: str, unknown: list[str]) -> None:
    """In an entity, in an object, in a list, in all there is."""
    try:
        check(with_unknown(shop.make_store(), unknown), Generated(query))
    finally:
        SIMULATION.unknown = set()


FOUND_IN_PARTS: list[tuple[str, list[Fault]]] = [
    # The error of a field that only one of an interface's types has.
    (
        "{ latest { product { ... @defer { title } ... on Book { reviews { body } } reviews { id } } } }",
        [(("Review", "body"), False, 0)],
    ),
    # What one of the types has in the first part is not delivered again.
    ("{ products { ... on Book { box { label } } box { ... on Box @defer { label weight } } } }", []),
    ("{ products { box { label } ... on Book { box { ... on Box @defer { label weight } } } } }", []),
]


@pytest.mark.parametrize(("query", "broken"), FOUND_IN_PARTS)
def test_found_answers_in_parts_stay_right(query: str, broken: list[Fault]) -> None:
    check_in_parts(with_faults(broken), Generated(query))
