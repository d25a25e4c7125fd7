"""Keys: of several fields, with objects and lists in them, null, not resolvable, and the requests made by them."""

from tests.gateway.federation.feature import QUERY_AB, QUERY_ABC, Feature, make_store

_lamp = {"__typename": "Lamp", "id": "l", "sku": "s-l", "grade": "B"}
_seats = [
    {"__typename": "Seat", "id": "s1", "row": "A", "number": 1, "view": "stage"},
    {"__typename": "Seat", "id": "s2", "row": "A", "number": 2, "view": "pillar"},
]
_pack = {
    "__typename": "Pack",
    "discount": 20,
    "sessions": [{"__typename": "Session", "id": "x", "room": "1"}, {"__typename": "Session", "id": "y", "room": "2"}],
}
_rock = {"__typename": "Event", "id": "r", "title": "Rock", "rating": 9}
_hall = {"__typename": "Venue", "id": "v", "name": "Hall", "city": "Recife", "headliner": _rock}
_tent = {"__typename": "Venue", "id": "w", "name": "Tent", "city": "Olinda", "headliner": None}
_ghost = {"__typename": "Venue", "id": "?", "name": None, "city": None}
_event = {
    "__typename": "Event",
    "id": "e",
    "title": "Jazz",
    "rating": 8,
    "venue": _hall,
    "sessions": [
        {"__typename": "Session", "room": "1", "overflow": _tent},
        {"__typename": "Session", "room": "2", "overflow": None},
        {"__typename": "Session", "room": "3", "overflow": _hall},
    ],
}

EVENT_AND_VENUE = """
        type Query @join__type(graph: A) @join__type(graph: B) { event: Event @join__field(graph: A) }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          title: String @join__field(graph: A)
          venue: Venue @join__field(graph: A)
          sessions: [Session] @join__field(graph: A)
          rating: Int @join__field(graph: B)
        }
        type Session @join__type(graph: A) { room: String overflow: Venue }
        type Venue @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          name: String @join__field(graph: B)
          city: String @join__field(graph: B)
          headliner: Event @join__field(graph: B)
        }
        """
EVENT_STORE = make_store({"event": _event}, _event, _rock, _hall, _tent)

KEYS = [
    Feature(
        "several_keys",
        "Where two subgraphs share no key, a third that knows both keys lies between.",
        "a b c",
        f"""
        {QUERY_ABC} {{ lamp: Lamp @join__field(graph: A) }}
        type Lamp
          @join__type(graph: A, key: "id")
          @join__type(graph: B, key: "id") @join__type(graph: B, key: "sku")
          @join__type(graph: C, key: "sku")
        {{
          id: ID @join__field(graph: A) @join__field(graph: B)
          sku: String @join__field(graph: B) @join__field(graph: C)
          grade: String @join__field(graph: C)
        }}
        """,
        make_store({"lamp": _lamp}, _lamp),
        "{ lamp { grade } }",
        3,
        3,
    ),
    Feature(
        "null_keys",
        "An object whose key is null is asked of nobody; what others would have added to it is null.",
        "a b",
        f"""
        {QUERY_AB} {{ lamps: [Lamp] @join__field(graph: A) }}
        type Lamp @join__type(graph: A, key: "sku") @join__type(graph: B, key: "sku") {{
          sku: String grade: String @join__field(graph: B)
        }}
        """,
        make_store({"lamps": [_lamp, {"__typename": "Lamp", "sku": None, "grade": None}]}, _lamp),
        "{ lamps { sku grade } }",
        2,
        2,
    ),
    Feature(
        "compound_key",
        "A key of two fields goes whole into one representation.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { seats: [Seat] @join__field(graph: A) }
        type Seat
          @join__type(graph: A, key: "row number") @join__type(graph: B, key: "row number")
        { row: String number: Int view: String @join__field(graph: B) }
        """,
        make_store({"seats": _seats}, *_seats),
        "{ seats { view number } }",
        2,
        2,
    ),
    Feature(
        "key_with_a_list",
        "A key may have a list of objects in it.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { pack: Pack @join__field(graph: A) }
        type Pack
          @join__type(graph: A, key: "sessions { id }") @join__type(graph: B, key: "sessions { id }")
        { sessions: [Session!]! discount: Int @join__field(graph: B) }
        type Session @join__type(graph: A) @join__type(graph: B) { id: ID! room: String @join__field(graph: A) }
        """,
        make_store({"pack": _pack}, _pack),
        "{ pack { discount sessions { room } } }",
        2,
        2,
    ),
    Feature(
        "key_put_together",
        "The parts of a key may come from two subgraphs.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          seat: Seat @join__field(graph: A)
        }
        type Seat
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "row number")
        {
          id: ID! @join__field(graph: A) @join__field(graph: B)
          row: String @join__field(graph: A) @join__field(graph: C)
          number: Int @join__field(graph: B) @join__field(graph: C)
          view: String @join__field(graph: C)
        }
        """,
        make_store({"seat": _seats[0]}, *_seats),
        "{ seat { view } }",
        3,
        3,
    ),
    Feature(
        "key_alone",
        "Who asks for nothing but the key of a referenced entity needs only the subgraph that refers to it.",
        "a b",
        EVENT_AND_VENUE,
        EVENT_STORE,
        "{ event { venue { id } } }",
        1,
        1,
    ),
    Feature(
        "non_resolvable_key",
        "A key that is not resolvable leads away from a subgraph and never to it.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          event: Event @join__field(graph: A)
        }
        type Event @join__type(graph: A) { venue: Venue }
        type Venue
          @join__type(graph: A, key: "id", resolvable: false)
          @join__type(graph: B, key: "id", resolvable: false)
          @join__type(graph: C, key: "id")
        { id: ID! name: String @join__field(graph: B) @join__field(graph: C) city: String @join__field(graph: C) }
        """,
        EVENT_STORE,
        "{ event { venue { name } } }",
        2,
        2,
    ),
    Feature(
        "one_request_for_several_paths",
        "Entities of one subgraph at several paths are asked for in one request.",
        "a b",
        EVENT_AND_VENUE,
        EVENT_STORE,
        "{ event { venue { name } sessions { room overflow { name } } } }",
        2,
        2,
    ),
    Feature(
        "one_request_for_several_types",
        "Entities of several types in one subgraph are asked for in one request, whatever is selected of each.",
        "a b",
        EVENT_AND_VENUE,
        EVENT_STORE,
        "{ event { rating venue { name } sessions { overflow { city } } } }",
        2,
        2,
    ),
    Feature(
        "entity_unknown_to_its_owner",
        "An entity that its owner does not know has nulls for the owner's fields.",
        "a b",
        EVENT_AND_VENUE,
        make_store({"event": {"__typename": "Event", "id": "e", "venue": _ghost}}),
        "{ event { venue { id name city } } }",
        2,
        2,
    ),
    Feature(
        "there_and_back",
        "An entity reached through another subgraph has its remaining fields at home.",
        "a b",
        EVENT_AND_VENUE,
        EVENT_STORE,
        "{ event { venue { name headliner { title rating } } } }",
        3,
        3,
    ),
]
