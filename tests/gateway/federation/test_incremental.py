"""`@defer` and `@stream`: what is fetched when, what follows what, and what happens when something fails."""

import asyncio
from typing import Any

import pytest

from gateway.federation import EngineSettings, FallbackContext, Field, GraphQLRequest, Policies, Policy
from tests.gateway.federation.feature import make_store
from tests.gateway.federation.incremental_client import Client, ask_in_parts
from tests.gateway.federation.simulator import Simulation, supergraph_sdl

SDL = supergraph_sdl(
    "ticketing concessions suggestions",
    """
    type Query @join__type(graph: TICKETING) @join__type(graph: CONCESSIONS) @join__type(graph: SUGGESTIONS) {
      event: Event @join__field(graph: TICKETING)
      events: [Event!]! @join__field(graph: TICKETING)
      offers: [String] @join__field(graph: CONCESSIONS)
      things: [Thing] @join__field(graph: TICKETING)
    }
    type Mutation @join__type(graph: TICKETING) { open: Event cancel: Event }
    union Thing @join__type(graph: TICKETING)
      @join__unionMember(graph: TICKETING, member: "Event") @join__unionMember(graph: TICKETING, member: "Address")
      = Event | Address
    type Event
      @join__type(graph: TICKETING, key: "id") @join__type(graph: CONCESSIONS, key: "id")
      @join__type(graph: SUGGESTIONS, key: "id")
    {
      id: ID!
      name: String @join__field(graph: TICKETING)
      seats: Int! @join__field(graph: TICKETING)
      address: Address @join__field(graph: TICKETING)
      combos: [Combo!] @join__field(graph: CONCESSIONS)
      score: Float! @join__field(graph: SUGGESTIONS)
      next: Event @join__field(graph: TICKETING)
    }
    type Address @join__type(graph: TICKETING) { street: String city: String }
    type Combo @join__type(graph: CONCESSIONS) { name: String price: Int! }
    """,
    "mutation: Mutation",
)
UNMASKED = EngineSettings(mask_errors=False)


def make_simulation() -> Simulation:
    address = {"__typename": "Address", "street": "Rua A", "city": "Recife"}
    events: list[dict[str, Any]] = [
        {
            "__typename": "Event",
            "id": f"e{number}",
            "name": f"Evento {number}",
            "seats": number,
            "address": address,
            "score": number / 2,
            "combos": [{"__typename": "Combo", "name": f"{number}{letter}", "price": 10} for letter in "abc"],
        }
        for number in range(3)
    ]
    for one, other in zip(events, [*events[1:], events[0]], strict=True):
        one["next"] = other
    query = {"event": events[0], "events": events, "offers": ["x", "y"], "things": [events[0], address]}
    return Simulation(SDL, make_store(query, *events, Mutation={"open": events[0], "cancel": events[1]}))


async def ask(simulation: Simulation, query: str, **variables: Any) -> list[Any]:
    return await ask_in_parts(simulation.engine(UNMASKED), query, variables)


async def put_together(simulation: Simulation, query: str, **variables: Any) -> Client:
    return Client().take_all(await ask(simulation, query, **variables))


def services(simulation: Simulation) -> list[str]:
    return [request.service for request in simulation.requests]


async def test_a_deferred_fragment_is_fetched_apart_also_from_the_same_subgraph() -> None:
    simulation = make_simulation()
    parts = await ask(simulation, '{ event { name ... @defer(label: "more") { seats score } } }')
    assert parts == [
        {
            "data": {"event": {"name": "Evento 0"}},
            "pending": [{"id": "0", "path": ["event"], "label": "more"}],
            "hasNext": True,
        },
        {
            "incremental": [{"id": "0", "data": {"seats": 0, "score": 0.0}}],
            "completed": [{"id": "0"}],
            "hasNext": False,
        },
    ]
    assert sorted(services(simulation)) == ["suggestions", "ticketing", "ticketing"]
    assert "seats" not in simulation.requests[0].query


async def test_what_cannot_be_asked_apart_comes_along_and_is_delivered_later() -> None:
    simulation = make_simulation()
    parts = await ask(simulation, "{ event { address { city ... @defer { street } } } }")
    assert parts[0]["data"] == {"event": {"address": {"city": "Recife"}}}
    assert parts[1]["incremental"] == [{"id": "0", "data": {"street": "Rua A"}}]
    assert services(simulation) == ["ticketing"]


async def test_what_both_have_is_delivered_once() -> None:
    simulation = make_simulation()
    query = "{ event { name address { city } ... @defer { name address { city street } seats } } }"
    parts = await ask(simulation, query)
    assert parts[1]["incremental"] == [
        {"id": "0", "data": {"seats": 0}},
        {"id": "0", "subPath": ["address"], "data": {"street": "Rua A"}},
    ]


async def test_fragments_with_fields_in_common_share_them() -> None:
    simulation = make_simulation()
    query = '{ ... @defer(label: "A") { event { name } } ... @defer(label: "B") { event { name score } } }'
    parts = await ask(simulation, query)
    assert parts[0]["data"] == {}
    assert [entry["label"] for entry in parts[0]["pending"]] == ["A", "B"]
    assert Client().take_all(parts).data == {"event": {"name": "Evento 0", "score": 0.0}}
    assert [entry for part in parts for entry in part.get("incremental", [])] == [
        {"id": "0", "data": {"event": {"name": "Evento 0"}}},
        {"id": "1", "subPath": ["event"], "data": {"score": 0.0}},
    ]


async def test_a_fragment_within_one_is_announced_after_it() -> None:
    simulation = make_simulation()
    query = '{ event { ... @defer(label: "outer") { next { id ... @defer(label: "inner") { combos { name } } } } } }'
    parts = await ask(simulation, query)
    assert [entry["label"] for entry in parts[0]["pending"]] == ["outer"]
    assert [entry["label"] for entry in parts[1]["pending"]] == ["inner"]
    assert Client().take_all(parts).data["event"]["next"]["combos"][2] == {"name": "1c"}


async def test_each_object_of_a_list_has_its_fragment_and_all_are_fetched_at_once() -> None:
    simulation = make_simulation()
    parts = await ask(simulation, "{ events { name ... @defer { score } } }")
    assert [entry["path"] for entry in parts[0]["pending"]] == [["events", index] for index in range(3)]
    assert [entry["data"] for entry in parts[1]["incremental"]] == [{"score": index / 2} for index in range(3)]
    assert services(simulation) == ["ticketing", "suggestions"]


async def test_only_objects_of_the_type_have_its_fragment() -> None:
    simulation = make_simulation()
    parts = await ask(simulation, "{ things { __typename ... on Event @defer { score } ... on Address { city } } }")
    assert parts[0]["data"]["things"] == [{"__typename": "Event"}, {"__typename": "Address", "city": "Recife"}]
    assert [entry["path"] for entry in parts[0]["pending"]] == [["things", 0]]
    assert parts[1]["incremental"] == [{"id": "0", "data": {"score": 0.0}}]


async def test_a_variable_switches_it_off() -> None:
    query = "query ($later: Boolean) { event { name ... @defer(if: $later) { seats } } }"
    assert len(await ask(make_simulation(), query)) == 2
    assert len(await ask(make_simulation(), query, later=True)) == 2
    assert await ask(make_simulation(), query, later=False) == [{"data": {"event": {"name": "Evento 0", "seats": 0}}}]


async def test_without_parts_the_answer_is_whole() -> None:
    simulation = make_simulation()
    engine = simulation.engine(UNMASKED)
    body = await engine.execute(GraphQLRequest(query="{ event { name ... @defer { seats } combos @stream { name } } }"))
    assert body == (
        b'{"data":{"event":{"name":"Evento 0","seats":0,"combos":[{"name":"0a"},{"name":"0b"},{"name":"0c"}]}}}'
    )
    assert services(simulation) == ["ticketing", "concessions"]


async def test_the_first_part_does_not_wait_for_a_subgraph_that_hangs() -> None:
    simulation = make_simulation()
    simulation.held["suggestions"] = asyncio.Event()
    request = GraphQLRequest(query="{ event { name ... @defer { score } } }")
    bodies = simulation.engine(UNMASKED).execute_in_parts(request)
    assert b'"hasNext":true' in await anext(bodies)
    simulation.held["suggestions"].set()
    assert b'"score":0.0' in await anext(bodies)
    with pytest.raises(StopAsyncIteration):
        await anext(bodies)


async def test_what_follows_comes_as_soon_as_it_is_there() -> None:
    simulation = make_simulation()
    simulation.held["suggestions"] = asyncio.Event()
    query = '{ event { name ... @defer(label: "slow") { score } ... @defer(label: "quick") { combos { name } } } }'
    bodies = simulation.engine(UNMASKED).execute_in_parts(GraphQLRequest(query=query))
    await anext(bodies)
    assert b'"combos"' in await anext(bodies)
    simulation.held["suggestions"].set()
    assert b'"score"' in await anext(bodies)
    await bodies.aclose()


async def test_who_leaves_early_leaves_nothing_behind() -> None:
    simulation = make_simulation()
    simulation.held["suggestions"] = asyncio.Event()
    request = GraphQLRequest(query="{ event { name ... @defer { score } } }")
    bodies = simulation.engine(UNMASKED).execute_in_parts(request)
    await anext(bodies)
    await asyncio.wait_for(simulation.reached.wait(), 60)
    await bodies.aclose()
    assert simulation.given_up == ["suggestions"]


# -- failures -------------------------------------------------------------------------------------------------


async def test_a_null_that_nobody_can_hold_takes_its_fragment_along_and_no_more() -> None:
    simulation = make_simulation()
    simulation.store["objects"][0]["score"] = None
    parts = await ask(simulation, '{ event { name ... @defer(label: "more") { score seats } } }')
    assert parts[0]["data"] == {"event": {"name": "Evento 0"}}
    message = "Cannot return null for non-nullable field Event.score."
    (done,) = parts[1]["completed"]
    assert (done["id"], done["errors"][0]["message"], done["errors"][0]["path"]) == ("0", message, ["event", "score"])
    assert "incremental" not in parts[1]


async def test_fragments_within_one_that_failed_are_never_announced() -> None:
    simulation = make_simulation()
    simulation.store["objects"][0]["score"] = None
    query = '{ event { ... @defer(label: "outer") { score ... @defer(label: "inner") { combos { name } } } } }'
    client = await put_together(simulation, query)
    assert (client.data, client.failed) == ({"event": {}}, ["outer"])


async def test_errors_come_with_the_part_that_they_belong_to() -> None:
    simulation = make_simulation()
    simulation.store["objects"][0]["name"] = ValueError("first")
    simulation.store["objects"][0]["combos"] = ValueError("second")
    parts = await ask(simulation, "{ event { name ... @defer { combos { name } } } }")
    assert [(error["message"], error["path"]) for error in parts[0]["errors"]] == [("first", ["event", "name"])]
    (entry,) = parts[1]["incremental"]
    assert entry["data"] == {"combos": None}
    assert [(error["message"], error["path"]) for error in entry["errors"]] == [("second", ["event", "combos"])]


async def test_a_subgraph_that_is_down_fails_only_what_it_brings() -> None:
    simulation = make_simulation()
    simulation.down = {"concessions", "suggestions"}
    query = '{ event { name ... @defer(label: "A") { combos { name } } ... @defer(label: "B") { score } } }'
    client = await put_together(simulation, query)
    assert client.data == {"event": {"name": "Evento 0", "combos": None}}
    assert client.failed == ["B"]
    assert {tuple(error["path"]) for error in client.errors} == {("event", "combos"), ("event", "score")}


async def test_a_fallback_stands_in_for_what_is_deferred() -> None:
    class Always:
        source = "always"

        async def value(self, context: FallbackContext) -> Any:
            return [{"name": context.coordinate}]

    simulation = make_simulation()
    simulation.down = {"concessions"}
    policies = Policies({Field("Event.combos"): Policy(fallback=Always())})
    parts = await ask_in_parts(
        simulation.engine(UNMASKED, policies), "{ event { name ... @defer { combos { name } } } }"
    )
    assert parts[1]["incremental"] == [{"id": "0", "data": {"combos": [{"name": "Event.combos"}]}}]
    degraded = [entry for part in parts for entry in part.get("extensions", {}).get("degraded", [])]
    assert [(entry["path"], entry["source"]) for entry in degraded] == [(["event", "combos"], "always")]


# -- lists ----------------------------------------------------------------------------------------------------


async def test_later_items_follow_and_what_is_below_them_is_fetched_later() -> None:
    simulation = make_simulation()
    parts = await ask(simulation, '{ events @stream(initialCount: 1, label: "rest") { name score } }')
    assert parts == [
        {
            "data": {"events": [{"name": "Evento 0", "score": 0.0}]},
            "pending": [{"id": "0", "path": ["events"], "label": "rest"}],
            "hasNext": True,
        },
        {
            "incremental": [
                {"id": "0", "items": [{"name": "Evento 1", "score": 0.5}, {"name": "Evento 2", "score": 1.0}]}
            ],
            "completed": [{"id": "0"}],
            "hasNext": False,
        },
    ]
    assert services(simulation) == ["ticketing", "suggestions", "suggestions"]


async def test_lists_of_equal_places_are_continued_together() -> None:
    simulation = make_simulation()
    client = await put_together(simulation, "{ events { combos @stream { name } next { score } } }")
    assert [[combo["name"] for combo in event["combos"]] for event in client.data["events"]] == [
        [f"{number}{letter}" for letter in "abc"] for number in range(3)
    ]


async def test_lists_within_later_items_follow_after_them() -> None:
    simulation = make_simulation()
    query = "{ events @stream(initialCount: 1) { name combos @stream(initialCount: 2) { name } } }"
    client = await put_together(simulation, query)
    assert [len(event["combos"]) for event in client.data["events"]] == [3, 3, 3]
    assert services(simulation) == ["ticketing", "concessions", "concessions"]


async def test_later_items_have_deferred_fragments_too() -> None:
    simulation = make_simulation()
    query = "{ events @stream(initialCount: 1) { name ... @defer { score } } }"
    client = await put_together(simulation, query)
    assert [event["score"] for event in client.data["events"]] == [0.0, 0.5, 1.0]


async def test_lists_of_leaves_are_streamed() -> None:
    parts = await ask(make_simulation(), "query ($n: Int! = 1) { offers @stream(initialCount: $n) }")
    assert (parts[0]["data"], parts[1]["incremental"]) == ({"offers": ["x"]}, [{"id": "0", "items": ["y"]}])


async def test_a_list_that_is_no_longer_than_its_first_items_is_whole() -> None:
    assert await ask(make_simulation(), "{ offers @stream(initialCount: 2) }") == [{"data": {"offers": ["x", "y"]}}]


async def test_a_list_ends_at_an_item_that_it_cannot_hold() -> None:
    simulation = make_simulation()
    simulation.store["objects"][2]["score"] = None
    parts = await ask(simulation, "{ events @stream(initialCount: 1) { score } }")
    assert parts[1]["incremental"] == [{"id": "0", "items": [{"score": 0.5}]}]
    (done,) = parts[1]["completed"]
    assert [error["path"] for error in done["errors"]] == [["events", 2, "score"]]


# -- mutations, formats, refusals ------------------------------------------------------------------------------


async def test_a_mutation_goes_on_without_what_is_deferred() -> None:
    simulation = make_simulation()
    simulation.held["suggestions"] = asyncio.Event()
    query = "mutation { open { name ... @defer { score } } cancel { name } }"
    bodies = simulation.engine(UNMASKED).execute_in_parts(GraphQLRequest(query=query))
    assert b'"cancel":{"name":"Evento 1"}' in await anext(bodies)
    simulation.held["suggestions"].set()
    assert b'"score":0.0' in await anext(bodies)
    await bodies.aclose()


async def test_the_older_format_names_places_instead_of_ids() -> None:
    simulation = make_simulation()
    query = """{
      event { name ... @defer(label: "A") { score } ... @defer(label: "B") { name } }
      offers @stream(initialCount: 1, label: "C")
    }"""
    first, *rest = await ask_in_parts(simulation.engine(UNMASKED), query, form="20220824")
    assert first == {"data": {"event": {"name": "Evento 0"}, "offers": ["x"]}, "hasNext": True}
    assert [entry for part in rest for entry in part["incremental"]] == [
        {"items": ["y"], "path": ["offers", 1], "label": "C"},
        {"data": {"score": 0.0}, "path": ["event"], "label": "A"},
    ]


async def test_the_older_format_tells_a_failure_by_null() -> None:
    simulation = make_simulation()
    simulation.store["objects"][0]["score"] = None
    query = '{ event { name ... @defer(label: "A") { score } } }'
    _, last = await ask_in_parts(simulation.engine(UNMASKED), query, form="20220824")
    (entry,) = last["incremental"]
    assert (entry["data"], entry["path"], entry["label"]) == (None, ["event"], "A")
    assert entry["errors"][0]["path"] == ["event", "score"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("mutation { ... @defer { open { id } } }", "Directive @defer cannot be used on the root type 'Mutation'."),
        ("{ event @stream { id } }", "Directive @stream can only be used on lists."),
        ("{ offers @stream(initialCount: -1) }", "Argument initialCount of @stream must not be negative."),
        ("query ($l: String) { ... @defer(label: $l) { offers } }", "The label of @defer must not be a variable."),
        (
            '{ ... @defer(label: "A") { offers } ... @defer(label: "A") { event { id } } }',
            "The label 'A' is used more than once.",
        ),
        (
            "{ offers @stream ... { offers } }",
            'Fields "offers" conflict because they have differing stream directives.',
        ),
        ("{ event { id @defer } }", "Directive '@defer' may not be used on field."),
    ],
)
async def test_misuse_is_refused(query: str, message: str) -> None:
    simulation = make_simulation()
    (answer,) = await ask(simulation, query)
    assert [error["message"] for error in answer["errors"]] == [message]
    assert simulation.requests == []


async def test_parts_are_counted() -> None:
    many = "{ event { " + " ".join(f"... @defer {{ n{number}: name }}" for number in range(21)) + " } }"
    simulation = make_simulation()
    (answer,) = await ask(simulation, many)
    assert answer["errors"][0]["extensions"]["code"] == "OPERATION_TOO_COMPLEX"
    assert answer["errors"][0]["message"] == "The operation's parts exceed the 20 allowed."
    assert simulation.requests == []


def test_a_plan_shows_what_is_fetched_for_which_part() -> None:
    engine = make_simulation().engine()
    query = '{ event { name ... @defer(label: "more") { seats combos @stream { name } } } }'
    assert (
        str(engine.plan(query))
        == """\
QueryPlan {
  Primary {
    Fetch(id: 1, service: 'ticketing') {
      {
        event {
          name
          id
        }
      }
    }
  }
  Defer('more' at event) {
    Parallel {
      Fetch(id: 2, service: 'ticketing', after: [1]) {
        _entities <- event { __typename: 'Event' id }
        query ($representations: [_Any!]!) {
          _entities(representations: $representations) {
            ... on Event {
              seats
            }
          }
        }
      }
      Fetch(id: 3, service: 'concessions', after: [1]) {
        _entities <- event { __typename: 'Event' id }
        query ($representations: [_Any!]!) {
          _entities(representations: $representations) {
            ... on Event {
              combos {
                name
              }
            }
          }
        }
      }
    }
  }
  Stream(event.combos, initialCount: 0)
}"""
    )
