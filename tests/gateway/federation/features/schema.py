"""The public schema: `@inaccessible`, enums and inputs that differ by subgraph, introspection."""

from tests.gateway.federation.feature import QUERY_AB, Feature, Refusal, make_store

_lamp = {"__typename": "Lamp", "id": "l", "label": "60 W of Luz", "grade": "B"}
_match = {"__typename": "Match", "id": "g", "kind": "SPORT", "next": None}
_party = {"__typename": "Party", "id": "p", "kind": "PRIVATE", "next": None}
_show = {"__typename": "Match", "id": "h", "kind": "SPORT", "next": _party}

_PUBLIC = """
        type Query @join__type(graph: A) @join__type(graph: B) {
          items: [Item] @join__field(graph: A)
          matches: [Match] @join__field(graph: B)
          search(kind: Kind, where: Where, debug: Boolean @inaccessible): [Match] @join__field(graph: B)
          party: Party @join__field(graph: A)
        }
        union Item @join__type(graph: A) @join__unionMember(graph: A, member: "Match")
          @join__unionMember(graph: A, member: "Party") = Match | Party
        enum Kind @join__type(graph: A) @join__type(graph: B) {
          SPORT @join__enumValue(graph: A) @join__enumValue(graph: B)
          PRIVATE @inaccessible @join__enumValue(graph: A) @join__enumValue(graph: B)
        }
        input Where @join__type(graph: A) @join__type(graph: B) { city: String hidden: Boolean @inaccessible }
        type Match @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! kind: Kind @join__field(graph: B) next: Item @join__field(graph: A) secret: Int @inaccessible
        }
        type Party @inaccessible @join__type(graph: A, key: "id") { id: ID! kind: Kind }
        """
_STORE = make_store(
    {
        "items": [_match, _party, _show],
        "matches": [_match, _match | {"kind": "PRIVATE"}],
        "search": lambda kind=None, where=None, debug=False: [_match],
    },
    _match,
    _show,
)

SCHEMA = [
    Feature(
        "inaccessible_key",
        "A key that clients may not see still joins.",
        "a b",
        f"""
        {QUERY_AB} {{ lamp: Lamp @join__field(graph: A) }}
        type Lamp @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID @inaccessible
          label: String @join__field(graph: A)
          grade: String @join__field(graph: B)
        }}
        """,
        make_store({"lamp": _lamp}, _lamp),
        "{ lamp { label grade } }",
        2,
        2,
    ),
    Feature(
        "inaccessible_type",
        "An object of a type that clients may not see is null, and nothing is said of it.",
        "a b",
        _PUBLIC,
        _STORE,
        "{ items { ... on Match { id next { ... on Match { id } } } } }",
        1,
        1,
        silent=True,
    ),
    Feature(
        "inaccessible_enum_value",
        "An enum value that clients may not see is null, and the answer says that something is missing.",
        "a b",
        _PUBLIC,
        _STORE,
        "{ matches { id kind } }",
        1,
        1,
    ),
    Feature(
        "inaccessible_argument",
        "Arguments and input fields that clients may see go on as they are.",
        "a b",
        _PUBLIC,
        _STORE,
        "query ($where: Where) { search(kind: SPORT, where: $where) { kind } }",
        1,
        1,
        variables={"where": {"city": "Recife"}},
    ),
    Feature(
        "introspection",
        "The gateway answers questions about the schema itself, from the public schema, beside what subgraphs answer.",
        "a b",
        _PUBLIC,
        _STORE,
        """{
          __schema { queryType { fields { name args { name } } } }
          kind: __type(name: "Kind") { enumValues { name } }
          where: __type(name: "Where") { inputFields { name } }
          item: __type(name: "Item") { possibleTypes { name fields { name type { name } } } }
          party: __type(name: "Party") { name }
          join: __type(name: "join__Graph") { name }
          matches { id }
        }""",
        1,
        1,
    ),
    Feature(
        "introspection_alone",
        "Questions about the schema alone are asked of nobody.",
        "a b",
        _PUBLIC,
        _STORE,
        '{ __type(name: "Match") { fields { name } } }',
        0,
        0,
    ),
    Feature(
        "enum_values_by_subgraph",
        "An enum that only answers has the values of all subgraphs, wherever its object is asked.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          matches: [Match] @join__field(graph: A) best: Match @join__field(graph: B)
        }
        enum Phase @join__type(graph: A) @join__type(graph: B) {
          OPEN @join__enumValue(graph: A) @join__enumValue(graph: B)
          SOLD_OUT @join__enumValue(graph: A)
          LIVE @join__enumValue(graph: B)
        }
        type Match @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") { id: ID! phase: Phase }
        """,
        make_store(
            {
                "matches": [_match | {"phase": "OPEN"}, _show | {"phase": "SOLD_OUT"}],
                "best": _match | {"phase": "LIVE"},
            }
        ),
        "{ matches { phase } best { phase } }",
        2,
        1,
    ),
]


# Of inputs that differ, composition keeps what all subgraphs know: here A alone has `In.near` and `Phase.LIVE`.
_INTERSECTION = Feature(
    "input_intersection",
    "Of inputs that differ by subgraph, clients see what all subgraphs know.",
    "a b",
    """
    type Query @join__type(graph: A) @join__type(graph: B) { search(in: In, phase: Phase): Int }
    input In @join__type(graph: A) @join__type(graph: B) { city: String }
    enum Phase @join__type(graph: A) @join__type(graph: B) {
      OPEN @join__enumValue(graph: A) @join__enumValue(graph: B)
    }
    """,
    make_store({"search": lambda phase=None, **where: len(where)}),
    '{ search(in: { city: "Recife" }, phase: OPEN) }',
    1,
    1,
    subgraphs={
        "A": """
        type Query { search(in: In, phase: Phase): Int }
        input In { city: String near: Int }
        enum Phase { OPEN LIVE }
        """
    },
)
SCHEMA.append(_INTERSECTION)

_HIDING = SCHEMA[1]

REFUSALS = [
    Refusal(_HIDING, "inaccessible field", "{ matches { secret } }", "Cannot query field 'secret' on type 'Match'"),
    Refusal(_HIDING, "inaccessible type", "{ items { ... on Party { id } } }", "Unknown type 'Party'"),
    Refusal(_HIDING, "field of an inaccessible type", "{ party { id } }", "Cannot query field 'party'"),
    Refusal(_HIDING, "inaccessible argument", "{ search(debug: true) { id } }", "Unknown argument 'debug'"),
    Refusal(_HIDING, "inaccessible enum value", "{ search(kind: PRIVATE) { id } }", "Value 'PRIVATE' does not exist"),
    Refusal(
        _HIDING,
        "inaccessible input field",
        "{ search(where: { hidden: true }) { id } }",
        "Field 'hidden' is not defined",
    ),
    Refusal(_HIDING, "entities", "{ _entities(representations: []) { __typename } }", "Cannot query field '_entities'"),
    Refusal(_INTERSECTION, "input field of one subgraph", "{ search(in: { near: 1 }) }", "Field 'near'"),
    Refusal(_INTERSECTION, "enum value of one subgraph", "{ search(phase: LIVE) }", "Value 'LIVE' does not exist"),
]
