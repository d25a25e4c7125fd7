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
_spare = [
    {"__typename": "Part", "id": f"p{n}", "price": price, "shipping": f"{price} by post"}
    for n, price in enumerate([10, 20, None, 20])
]
_machines = [
    {"__typename": "Machine", "part": _spare[0], "others": [_spare[1], None, _spare[0]]},
    {"__typename": "Machine", "part": _spare[1], "others": [_spare[2], _spare[1]]},
    {"__typename": "Machine", "part": None, "others": []},
]
REQUIRES = [
    Feature(
        "requires_of_the_same_entities_at_several_places",
        "One fetch completes entities at several places, another needs that of them, and of more: each is asked once.",
        "a b c",
        f"""
        {QUERY_ABC} {{ machines: [Machine!]! @join__field(graph: A) offers: [Part] @join__field(graph: B) }}
        type Machine @join__type(graph: A) {{ part: Part others: [Part] }}
        type Part @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {{
          id: ID! price: Int @join__field(graph: B) @join__field(graph: C, external: true)
          shipping: String @join__field(graph: C, requires: "price")
        }}
        """,
        make_store({"machines": _machines, "offers": [_spare[3], _spare[2], None, _spare[3]]}, *_spare),
        "{ offers { shipping } machines { part { shipping } others { id shipping } } }",
        4,
        3,
    ),
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
]
