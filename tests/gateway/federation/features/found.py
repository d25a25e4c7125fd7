"""Bugs that generated operations found, each reduced to its smallest supergraph."""

from typing import Any

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

_bulb = {"__typename": "Bulb", "id": "b", "base": "E27", "glow": "warm", "hours": 900, "score": 1}
_arena = {"__typename": "Arena", "id": "a", "name": "Arena", "gates": 4, "badge": "4 gates", "map": "m"}
_event: dict[str, Any] = {
    "__typename": "Event",
    "id": "e1",
    "venue": {"__typename": "Venue", "id": "v1", "city": {"__typename": "City", "name": "Recife", "state": "PE"}},
}
_left: dict[str, Any] = {"__typename": "Left", "id": "1", "code": "L", "twin": None, "note": "left", "text": "links"}
_right = {"__typename": "Right", "id": "2", "code": "R", "twin": _left, "note": "right", "text": "rechts"}
_left["twin"] = _right

FOUND = [
    Feature(
        "root_field_as_object_or_union",
        "Where a subgraph declares the object type, the answer still has to tell it.",
        "a b",
        f"""
        {QUERY_AB} {{
          light: Light @join__field(graph: A, type: "Bulb") @join__field(graph: B, type: "Light")
        }}
        union Light @join__type(graph: A) @join__type(graph: B)
          @join__unionMember(graph: A, member: "Bulb") @join__unionMember(graph: B, member: "Bulb")
          @join__unionMember(graph: B, member: "Tube") = Bulb | Tube
        type Bulb @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID base: String @join__field(graph: A)
        }}
        type Tube @join__type(graph: B, key: "id") {{ id: ID length: Int }}
        """,
        make_store({"light": _bulb}, _bulb),
        "{ light { ... on Bulb { base } } }",
        1,
        1,
    ),
    Feature(
        "names_agree_all_the_way_down",
        "A field that is non-null on one type only, below fields of one name, gets a response name of its own.",
        "a",
        """
        type Query @join__type(graph: A) { pair: [Side] }
        interface Side @join__type(graph: A) { twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Side
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID @join__field(graph: A, type: "ID!") twin: Side
        }
        """,
        make_store({"pair": [_left, _right]}, _left, _right),
        "{ pair { ... on Left { twin { ... on Right { id } } } ... on Right { twin { ... on Left { id } } } } }",
        1,
        1,
    ),
    Feature(
        "parts_of_one_object_below_parts_of_another",
        "What an interface and one of its types select below two response names is put together all the way down.",
        "a",
        """
        type Query @join__type(graph: A) { side: Side }
        interface Side @join__type(graph: A) { id: ID twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Side @join__field(graph: A, type: "Side!")
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Side
        }
        """,
        make_store({"side": _left}, _left, _right),
        "{ side { twin { twin { id } } ... on Left { twin { x: id twin { __typename y: id } } } } }",
        1,
        1,
    ),
    Feature(
        "narrower_type_on_an_object",
        "An interface's field and its narrower version on one type are one value.",
        "a",
        """
        type Query @join__type(graph: A) { side: Side }
        interface Side @join__type(graph: A) { twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Right
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Left code: String
        }
        """,
        make_store({"side": _left}, _left, _right),
        "{ side { twin { twin { __typename } } ... on Left { twin { code } } } }",
        1,
        1,
    ),
    Feature(
        "children_in_order_of_mention",
        "A field asked of one type first and of the whole interface later keeps the client's order.",
        "a b",
        f"""
        {QUERY_AB} {{ sides: [Side] @join__field(graph: A) }}
        interface Side @join__type(graph: A) @join__type(graph: B) {{ id: ID twin: Side @join__field(graph: B) }}
        type Left implements Side
          @join__implements(graph: A, interface: "Side") @join__implements(graph: B, interface: "Side")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID twin: Side @join__field(graph: B)
        }}
        type Right implements Side
          @join__implements(graph: A, interface: "Side") @join__implements(graph: B, interface: "Side")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID twin: Side @join__field(graph: B)
        }}
        """,
        make_store({"sides": [_left, _right]}, _left, _right),
        "{ sides { ... on Left { twin { first: id } } twin { second: id } } }",
        2,
        2,
    ),
    Feature(
        "parts_of_one_type_only",
        "What is common to all types is put together with a part of its own for one of them.",
        "a",
        """
        type Query @join__type(graph: A) { side: Side }
        interface Side @join__type(graph: A) { id: ID twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A) {
          id: ID twin: Side @join__field(graph: A, type: "Side!")
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A) {
          id: ID twin: Left
        }
        """,
        make_store({"side": _left}),
        "{ side { twin { id } ... on Left { twin { x: id } } } }",
        1,
        1,
    ),
    Feature(
        "one_entity_at_two_places",
        "What is selected below one place does not appear at the other.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          event: Event @join__field(graph: A)
        }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID venue: Venue @join__field(graph: B)
        }
        type Venue @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
          id: ID city: City @join__field(graph: C)
        }
        type City @join__type(graph: C) { name: String state: String }
        """,
        make_store({"event": _event}, _event, _event["venue"]),
        "{ one: event { venue { city { name } } } two: event { venue { city { state } } } }",
        3,
        3,
    ),
    Feature(
        "interface_and_type_in_one_request",
        "What is asked of one type is not asked of an interface's objects too, which bring nothing that it requires.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          top: Place @join__field(graph: B)
        }
        interface Place
          @join__type(graph: A, key: "id") @join__type(graph: C, key: "id")
          @join__type(graph: B, key: "id", isInterfaceObject: true)
        { id: ID! name: String @join__field(graph: A) }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: C, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: C, key: "id")
        {
          id: ID!
          name: String @join__field(graph: A)
          gates: Int @join__field(graph: A, external: true) @join__field(graph: C)
          badge: String @join__field(graph: A, requires: "gates")
          map: String @join__field(graph: C)
        }
        """,
        make_store({"top": _arena}, _arena),
        "{ top { ... on Arena { map badge } name } }",
        3,
        3,
    ),
    Feature(
        "fragment_that_cannot_occur",
        "What stands below a type that cannot occur need not be within anybody's reach.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { place: Place @join__field(graph: A) }
        interface Place @join__type(graph: A) @join__type(graph: B) { id: ID! name: String @join__field(graph: A) }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! name: String @join__field(graph: A) }
        type Stand implements Place @join__implements(graph: B, interface: "Place") @join__type(graph: B) {
          id: ID! name: String @join__field(graph: B) near: Place @join__field(graph: B)
        }
        type Booth implements Place @join__implements(graph: B, interface: "Place") @join__type(graph: B)
        { id: ID! name: String @join__field }
        """,
        make_store({"place": _arena}, _arena),
        "{ place { ... on Stand { near { name } } ... on Arena { name } } }",
        1,
        1,
    ),
]
