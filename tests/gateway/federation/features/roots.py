"""Root fields: shared by subgraphs, mutations in series, the query root below other fields, variables and aliases."""

from typing import Any

from tests.gateway.federation.feature import Feature, make_store

_hall = {"__typename": "Venue", "id": "v", "name": "Hall", "city": "Recife"}
_event: dict[str, Any] = {
    "__typename": "Event",
    "id": "e",
    "title": "Jazz",
    "stock": 3,
    "near": lambda radius, kind=None: f"{radius} {kind}",
    "venue": _hall,
}
_root: dict[str, Any] = {"__typename": "Query", "events": [_event], "venues": [_hall], "now": "12:00"}
_bought = {"__typename": "Bought", "event": _event, "query": _root, "number": 7}

_EVENT = """
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! title: String @join__field(graph: A) stock: Int @join__field(graph: B)
        }
        """
_NESTED = """
        type Query @join__type(graph: A) @join__type(graph: B) {
          events: [Event] @join__field(graph: A) venues: [Venue] @join__field(graph: B) now: String
        }
        type Event @join__type(graph: A) { id: ID! title: String all: Query }
        type Venue @join__type(graph: B) { id: ID! name: String }
        """

ROOTS = [
    Feature(
        "root_field_of_two",
        "A root field that two subgraphs answer is asked of the one that is asked for more.",
        "a b",
        _NESTED,
        make_store(_root),
        "{ now venues { name } }",
        1,
        1,
    ),
    Feature(
        "query_below_a_field",
        "The query root below a field is asked again where its fields are, after the field that leads to it.",
        "a b",
        _NESTED,
        make_store({**_root, "events": [_event | {"all": _root}]}),
        "{ events { title all { venues { name } now } } }",
        2,
        2,
    ),
    Feature(
        "query_after_a_mutation",
        "The query root in a mutation's payload is asked after the mutation, of whoever has the fields.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          events: [Event] @join__field(graph: A) venues: [Venue] @join__field(graph: B)
        }
        type Mutation @join__type(graph: A) { buy: Bought }
        type Bought @join__type(graph: A) { number: Int query: Query }
        type Event @join__type(graph: A) { id: ID! title: String }
        type Venue @join__type(graph: B) { id: ID! name: String }
        """,
        make_store(_root, Mutation={"buy": _bought}),
        "mutation { buy { number query { events { title } venues { name } } } }",
        2,
        2,
        roots="mutation: Mutation",
    ),
    Feature(
        "mutation_then_entities",
        "A mutation's object gets fields of other subgraphs before the next mutation begins.",
        "a b",
        f"""
        type Query @join__type(graph: A) @join__type(graph: B) {{ none: Int @join__field(graph: A) }}
        type Mutation @join__type(graph: A) @join__type(graph: B) {{
          publish: Event @join__field(graph: A) restock: Event @join__field(graph: B)
        }}
        {_EVENT}
        """,
        make_store({"none": 1}, _event, Mutation={"publish": _event, "restock": _event}),
        "mutation { publish { title stock } restock { stock title } }",
        4,
        4,
        roots="mutation: Mutation",
    ),
    Feature(
        "mutations_of_one_subgraph",
        "Mutations of one subgraph that follow each other go in one request, which runs them in order.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { none: Int @join__field(graph: A) }
        type Mutation @join__type(graph: A) @join__type(graph: B) {
          first: Int @join__field(graph: A) second: Int @join__field(graph: A) third: Int @join__field(graph: B)
        }
        """,
        make_store({"none": 1}, Mutation={"first": 1, "second": 2, "third": 3}),
        "mutation { first second third again: first }",
        3,
        3,
        roots="mutation: Mutation",
    ),
    Feature(
        "arguments_of_an_entity_field",
        "Arguments and variables travel with their field into the request that brings it, under the client's names.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { event: Event @join__field(graph: A) }
        enum Kind @join__type(graph: B) { BAR @join__enumValue(graph: B) PARK @join__enumValue(graph: B) }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! near(radius: Int!, kind: Kind): String @join__field(graph: B)
        }
        """,
        make_store({"event": _event}, _event),
        "query ($far: Int!) { event { here: near(radius: 1) there: near(radius: $far, kind: BAR) } }",
        2,
        2,
        variables={"far": 9},
    ),
    Feature(
        "one_field_under_two_names",
        "A root field under two names, with a selection each, is one request for each subgraph and round.",
        "a b",
        f"""
        type Query @join__type(graph: A) @join__type(graph: B) {{ event: Event @join__field(graph: A) }}
        {_EVENT}
        """,
        make_store({"event": _event}, _event),
        "{ one: event { stock } two: event { title stock } }",
        2,
        2,
    ),
    Feature(
        "fragments_merged",
        "What fragments select of one field is asked for once.",
        "a b",
        f"""
        type Query @join__type(graph: A) @join__type(graph: B) {{ event: Event @join__field(graph: A) }}
        {_EVENT}
        """,
        make_store({"event": _event}, _event),
        "{ event { ...T ... on Event { stock title } } event { ...T } } fragment T on Event { title }",
        2,
        2,
    ),
]
