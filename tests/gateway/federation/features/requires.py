"""`@requires`: what a field needs of others goes with the representation."""

from typing import Any

from tests.gateway.federation.feature import QUERY_AB, QUERY_ABC, Feature, make_store

_ana = {"__typename": "User", "id": "1", "name": "Ana", "email": "ana@a", "score": 7, "level": "L7"}
_lamp: dict[str, Any] = {
    "__typename": "Lamp",
    "id": "l",
    "watts": lambda unit="W": {"W": 60, "KW": 0}[unit],
    "maker": {"__typename": "Maker", "name": "Luz", "country": "BR"},
    "label": "60 W of Luz",
    "grade": "B",
    "advice": "dim it",
}
_tube = {"__typename": "Tube", "id": "t", "length": 120}
_shelf = {"__typename": "Shelf", "id": "s", "item": _tube, "summary": "120 cm"}
_arena = {"__typename": "Arena", "id": "a", "name": "Arena", "gates": 4, "capacity": 900}
_stream = {"__typename": "Stream", "id": "w", "name": "Stream", "url": "https://s"}
_ticket: dict[str, Any] = {
    "__typename": "Ticket",
    "id": "t",
    "price": lambda currency: {"BRL": 100, "USD": 20}[currency],
    "base": 100,
    "fee": 12,
    "total": 112,
    "local": "R$ 100",
    "foreign": "US$ 20",
    "discount": None,
    "badge": "full",
}
_sessions = [
    {"__typename": "Session", "id": "1", "starts": "20:00", "venue": _arena},
    {"__typename": "Session", "id": "2", "starts": "22:00", "venue": _arena},
]
_event = {"__typename": "Event", "id": "e", "sessions": _sessions, "crowd": 1800, "access": "4 gates"}
_online = {"__typename": "Event", "id": "o", "sessions": [], "crowd": 0, "access": "https://s"}

REQUIRES = [
    Feature(
        "requires",
        "What a field requires of another subgraph is fetched first and goes with the representation.",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: B) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! score: Int @join__field(graph: A) @join__field(graph: B, external: true)
          level: String @join__field(graph: B, requires: "score") email: String @join__field(graph: B)
        }}
        """,
        make_store({"user": _ana}, _ana),
        "{ user { level email } }",
        3,
        3,
    ),
    Feature(
        "requires_with_arguments_and_nesting",
        "A requirement has arguments of its own, whatever arguments the client gives to the same field.",
        "a b",
        f"""
        {QUERY_AB} {{ lamp: Lamp @join__field(graph: B) }}
        type Maker @join__type(graph: A) @join__type(graph: B) {{
          name: String @join__field(graph: A) @join__field(graph: B, external: true)
          country: String @join__field(graph: A)
        }}
        type Lamp @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID
          watts(unit: String): Int @join__field(graph: A) @join__field(graph: B, external: true)
          maker: Maker @join__field(graph: A) @join__field(graph: B, external: true)
          label: String @join__field(graph: B, requires: "watts(unit: \\"W\\") maker {{ name }}")
        }}
        """,
        make_store({"lamp": _lamp}, _lamp),
        '{ lamp { watts(unit: "KW") label maker { country } } }',
        3,
        3,
    ),
    Feature(
        "requires_across_subgraphs",
        "A requirement that itself has a requirement: a chain through three subgraphs.",
        "a b c",
        f"""
        {QUERY_ABC} {{ lamp: Lamp @join__field(graph: A) }}
        type Lamp @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {{
          id: ID
          label: String @join__field(graph: A) @join__field(graph: B, external: true)
          grade: String @join__field(graph: B, requires: "label") @join__field(graph: C, external: true)
          advice: String @join__field(graph: C, requires: "grade")
        }}
        """,
        make_store({"lamp": _lamp}, _lamp),
        "{ lamp { advice } }",
        3,
        3,
    ),
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
        "requires_in_circles",
        "Two subgraphs may need each other's fields in turn, as long as no field needs itself.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { ticket: Ticket @join__field(graph: B) }
        type Ticket @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          base: Int @join__field(graph: A) @join__field(graph: B, external: true)
          fee: Int @join__field(graph: A, external: true) @join__field(graph: B, requires: "base")
          total: Int @join__field(graph: A, requires: "fee")
        }
        """,
        make_store({"ticket": _ticket}, _ticket),
        "{ ticket { total } }",
        4,
        4,
    ),
    Feature(
        "requires_with_arguments_in_conflict",
        "Two fields that require one field with different arguments get a representation each.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { ticket: Ticket @join__field(graph: A) }
        type Ticket @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          price(currency: String!): Int @join__field(graph: A) @join__field(graph: B, external: true)
          local: String @join__field(graph: B, requires: "price(currency: \\"BRL\\")")
          foreign: String @join__field(graph: B, requires: "price(currency: \\"USD\\")")
        }
        """,
        make_store({"ticket": _ticket}, _ticket),
        '{ ticket { local foreign price(currency: "USD") } }',
        2,
        2,
    ),
    Feature(
        "requires_shared_request",
        "Fields of one subgraph with different requirements share a request and its representations.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { ticket: Ticket @join__field(graph: A) }
        type Ticket @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          base: Int @join__field(graph: A) @join__field(graph: B, external: true)
          fee: Int @join__field(graph: A) @join__field(graph: B, external: true)
          total: Int @join__field(graph: B, requires: "base fee")
          local: String @join__field(graph: B, requires: "base")
        }
        """,
        make_store({"ticket": _ticket}, _ticket),
        "{ ticket { total local } }",
        2,
        2,
    ),
    Feature(
        "requires_null",
        "What is required and null is sent as null: the subgraph decides what follows from it.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { ticket: Ticket @join__field(graph: A) }
        type Ticket @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          discount: Int @join__field(graph: A) @join__field(graph: B, external: true)
          badge: String @join__field(graph: B, requires: "discount")
        }
        """,
        make_store({"ticket": _ticket}, _ticket),
        "{ ticket { badge } }",
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
