"""The quick way through places whose objects are of several types, and what sends it the careful way there."""

from typing import Any

import msgspec
import pytest

from gateway.federation import Engine, EngineSettings, GraphQLRequest
from tests.gateway.federation.simulator import supergraph_sdl
from tests.gateway.federation.test_quick_way import Sending

SDL = supergraph_sdl(
    "library opinions",
    """
    union Hit
      @join__type(graph: LIBRARY)
      @join__unionMember(graph: LIBRARY, member: "Book")
      @join__unionMember(graph: LIBRARY, member: "Movie")
      @join__unionMember(graph: LIBRARY, member: "Draft")
      = Book | Movie | Draft
    interface Work @join__type(graph: LIBRARY) { id: ID! title: String! }
    type Book implements Work
      @join__implements(graph: LIBRARY, interface: "Work")
      @join__type(graph: LIBRARY, key: "id")
      @join__type(graph: OPINIONS, key: "id")
    {
      id: ID!
      title: String! @join__field(graph: LIBRARY)
      pages: Int @join__field(graph: LIBRARY)
      sequel: Hit @join__field(graph: LIBRARY)
      reviews: [Review!] @join__field(graph: OPINIONS)
    }
    type Movie implements Work
      @join__implements(graph: LIBRARY, interface: "Work")
      @join__type(graph: LIBRARY, key: "id")
      @join__type(graph: OPINIONS, key: "id")
    {
      id: ID!
      title: String! @join__field(graph: LIBRARY)
      length: String! @join__field(graph: LIBRARY)
      reviews: [Review!] @join__field(graph: OPINIONS)
    }
    type Draft @join__type(graph: LIBRARY) @inaccessible { note: String }
    type Review @join__type(graph: OPINIONS) { body: String! }
    type Query @join__type(graph: LIBRARY) @join__type(graph: OPINIONS) {
      search: [Hit] @join__field(graph: LIBRARY)
      works: [Work!]! @join__field(graph: LIBRARY)
      node(id: ID!): Work @join__field(graph: LIBRARY)
    }
    """,
)


def book(**fields: Any) -> dict[str, Any]:
    return {"__typename": "Book", "id": "b1", **fields}


def movie(**fields: Any) -> dict[str, Any]:
    return {"__typename": "Movie", "id": "m1", **fields}


def entities(*reviews: str | None) -> dict[str, Any]:
    return {"data": {"_entities": [{"reviews": None if body is None else [{"body": body}]} for body in reviews]}}


async def answer_of(query: str, library: Sending, opinions: Sending) -> bytes:
    transports = {"library": library, "opinions": opinions}
    engine = Engine(SDL, transports=transports, settings=EngineSettings(share_in_flight=False, quick_at_once=True))
    return await engine.execute(GraphQLRequest(query=query))


# For each: the operation, what the owner of the objects answers, what is joined, and the client's data.
QUICK: dict[str, tuple[str, Any, Any, str]] = {
    "fields of one type, another subgraph below it, the type last": (
        "{ search { ... on Book { title reviews { body } } ... on Movie { length } __typename } }",
        {"search": [movie(length="2h"), book(title="Dom")]},
        entities("a"),
        '{"search":[{"length":"2h","__typename":"Movie"},{"title":"Dom","reviews":[{"body":"a"}],"__typename":"Book"}]}',
    ),
    "the type under another name, or not at all": (
        "{ works { kind: __typename title } node(id: 1) { ... on Movie { length } } }",
        {"works": [book(title="Dom")], "node": movie(length="2h")},
        None,
        '{"works":[{"kind":"Book","title":"Dom"}],"node":{"length":"2h"}}',
    ),
    "a field of the interface that is joined for each of its types": (
        "{ works { reviews: title ... on Book { own: reviews { body } } ... on Movie { own: reviews { body } } } }",
        {"works": [movie(reviews="Eva"), book(reviews="Dom"), movie(reviews="Eva")]},
        {"data": {"_entities": [{"own": [{"body": "b"}]}, {"own": None}]}},
        '{"works":[{"reviews":"Eva","own":null},{"reviews":"Dom","own":[{"body":"b"}]},{"reviews":"Eva","own":null}]}',
    ),
    "types below types": (
        "{ search { ... on Book { sequel { ... on Movie { reviews { body } __typename } } } } }",
        {"search": [book(sequel=movie()), book(sequel=book()), book(sequel=None)]},
        entities("c"),
        '{"search":[{"sequel":{"reviews":[{"body":"c"}],"__typename":"Movie"}},{"sequel":{}},{"sequel":null}]}',
    ),
    "one response name for different fields": (
        "{ search { ... on Book { about: title reviews { body } } ... on Movie { about: length } } }",
        {"search": [book(about="Dom"), movie(about_Movie="2h")]},
        entities("d"),
        '{"search":[{"about":"Dom","reviews":[{"body":"d"}]},{"about":"2h"}]}',
    ),
}


@pytest.mark.parametrize("name", QUICK)
async def test_objects_of_several_types_go_the_quick_way(name: str) -> None:
    query, found, joined, expected = QUICK[name]
    library, opinions = Sending({"data": found}), Sending(joined)
    assert await answer_of(query, library, opinions) == b'{"data":' + expected.encode() + b"}"
    assert library.ordinary == opinions.ordinary == 0
    assert len(opinions.requests) == (joined is not None)


# An object of another type than expected, and what the client sees of it.
ODD: dict[str, tuple[dict[str, Any], int]] = {
    "a type that clients may not see": ({"__typename": "Draft"}, 0),
    "a type that nobody knows": ({"__typename": "Poster"}, 0),
    "no type": ({"title": "Dom"}, 1),
}


@pytest.mark.parametrize("name", ODD)
async def test_an_object_of_no_known_type_is_judged_and_nothing_is_asked_twice(name: str) -> None:
    odd, errors = ODD[name]
    library, opinions = Sending({"data": {"search": [odd, book(title="Dom")]}}), Sending(entities("a"))
    query = "{ search { ... on Book { title reviews { body } } __typename } }"
    answer = msgspec.json.decode(await answer_of(query, library, opinions))
    assert answer["data"]["search"] == [
        None,
        {"title": "Dom", "reviews": [{"body": "a"}], "__typename": "Book"},
    ]
    assert len(answer.get("errors", [])) == errors
    assert (len(library.requests), len(opinions.requests)) == (1, 1)


async def test_what_was_asked_for_several_types_is_not_asked_again_after_a_surprise() -> None:
    """Both ways represent the objects in the same order: type by type, each type in the order of the answer."""
    found = {"works": [movie(title="Eva"), book(title="Dom"), movie(id="m2", title="Ada")]}
    library = Sending({"data": found})
    opinions = Sending(
        {**entities(None, "b", None), "errors": [{"message": "no", "path": ["_entities", 0, "reviews"]}]}
    )
    query = "{ works { title ... on Book { reviews { body } } ... on Movie { reviews { body } } } }"
    answer = msgspec.json.decode(await answer_of(query, library, opinions))
    assert [work["reviews"] for work in answer["data"]["works"]] == [[{"body": "b"}], None, None]
    assert answer["errors"][0]["path"] == ["works", 1, "reviews"]
    assert (len(library.requests), len(opinions.requests)) == (1, 1)
    assert opinions.ordinary == 0
