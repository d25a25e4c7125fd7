"""`@requires` of what lies below lists, interfaces and unions."""

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

_tube = {"__typename": "Tube", "id": "t", "length": 120}
_shelf = {"__typename": "Shelf", "id": "s", "item": _tube, "summary": "120 cm"}
_arena = {"__typename": "Arena", "id": "a", "name": "Arena", "gates": 4, "capacity": 900}
_stream = {"__typename": "Stream", "id": "w", "name": "Stream", "url": "https://s"}
_sessions = [
    {"__typename": "Session", "id": "1", "starts": "20:00", "venue": _arena},
    {"__typename": "Session", "id": "2", "starts": "22:00", "venue": _arena},
]
_event = {"__typename": "Event", "id": "e", "sessions": _sessions, "crowd": 1800, "access": "4 gates"}
_online = {"__typename": "Event", "id": "o", "sessions": [], "crowd": 0, "access": "https://s"}


REQUIRES_NESTED = [
    Feature(
        "requires_with_fragments",
        "A requirement of a union says for each type what it needs, and the representation tells the type.",
        "a b",
        f"""
        {QUERY_AB} {{ shelf: Shelf @join__field(graph: A) }}
        union Item @join__type(graph: A) @join__type(graph: B)
          @join__unionMember(graph: A, member: "Bulb") @join__unionMember(graph: A, member: "Tube")
          @join__unionMember(graph: B, member: "Bulb") @join__unionMember(graph: B, member: "Tube") = Bulb | Tube
        type Bulb @join__type(graph: A) @join__type(graph: B) {{
          base: String @join__field(graph: A) @join__field(graph: B, external: true)
        }}
        type Tube @join__type(graph: A) @join__type(graph: B) {{
          length: Int @join__field(graph: A) @join__field(graph: B, external: true)
        }}
        type Shelf @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID
          item: Item @join__field(graph: A) @join__field(graph: B, external: true)
          summary: String
            @join__field(graph: B, requires: "item {{ ... on Bulb {{ base }} ... on Tube {{ length }} }}")
        }}
        """,
        make_store({"shelf": _shelf}, _shelf),
        "{ shelf { summary } }",
        2,
        2,
    ),
    Feature(
        "requires_nested_in_lists",
        "A requirement may lie below lists, with a part that a third subgraph has.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          event: Event @join__field(graph: A)
        }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          sessions: [Session] @join__field(graph: A) @join__field(graph: B, external: true)
          crowd: Int @join__field(graph: B, requires: "sessions { starts venue { capacity } }")
        }
        type Session @join__type(graph: A) @join__type(graph: B) {
          starts: String @join__field(graph: A) @join__field(graph: B, external: true)
          venue: Arena @join__field(graph: A) @join__field(graph: B, external: true)
        }
        type Arena @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
          id: ID! capacity: Int @join__field(graph: B, external: true) @join__field(graph: C)
        }
        """,
        make_store({"event": _event}, _event, _arena),
        "{ event { crowd } }",
        3,
        3,
    ),
    Feature(
        "requires_of_an_interface",
        "A requirement of an interface has fields of the interface and, in fragments, of its types.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { events: [Event] @join__field(graph: A) }
        interface Place @join__type(graph: A) @join__type(graph: B) { name: String }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A) @join__type(graph: B)
        { name: String gates: Int @join__field(graph: A) @join__field(graph: B, external: true) }
        type Stream implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A) @join__type(graph: B)
        { name: String url: String @join__field(graph: A) @join__field(graph: B, external: true) }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          place: Place @join__field(graph: A) @join__field(graph: B, external: true)
          access: String @join__field(
            graph: B, requires: "place { name ... on Arena { gates } ... on Stream { url } }"
          )
        }
        """,
        make_store(
            {"events": [_event | {"place": _arena}, _online | {"place": _stream}]},
            _event | {"place": _arena},
            _online | {"place": _stream},
        ),
        "{ events { access place { ... on Arena { name } } } }",
        2,
        2,
    ),
    Feature(
        "requires_of_an_interface_across_subgraphs",
        "A requirement of an interface whose types have the required field in a third subgraph.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          events: [Event] @join__field(graph: A)
        }
        interface Place @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) { id: ID! name: String }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__implements(graph: C, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
          id: ID!
          name: String
            @join__field(graph: A, external: true) @join__field(graph: B, external: true) @join__field(graph: C)
        }
        type Stream implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! name: String @join__field(graph: A) @join__field(graph: B, external: true)
        }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          place: Place @join__field(graph: A) @join__field(graph: B, external: true)
          access: String @join__field(graph: B, requires: "place { name }")
        }
        """,
        make_store(
            {"events": [_event | {"place": _arena}, _online | {"place": _stream}]},
            _event | {"place": _arena},
            _online | {"place": _stream},
            _arena,
            _stream,
        ),
        "{ events { access } }",
        3,
        3,
    ),
]
