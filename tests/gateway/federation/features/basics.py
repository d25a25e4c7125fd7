"""The fundamentals: joining by key, asking only what is needed, merging at the root."""

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

_ana = {"__typename": "User", "id": "1", "name": "Ana", "email": "ana@a", "score": 7, "level": "L7"}
_bia = {"__typename": "User", "id": "2", "name": "Bia", "email": "bia@a", "score": 9, "level": "L9"}
_org = {"__typename": "Org", "id": "o", "region": "sp"}
_team = {"__typename": "Team", "org": _org, "slug": "t", "title": "Time", "size": 3}
_cat = {"__typename": "Cat", "id": "c", "name": "Mia", "lives": 9, "vet": "Dr. A", "tag": "T-c"}
_dog = {"__typename": "Dog", "id": "d", "name": "Rex", "vet": "Dr. B", "tag": "T-d"}

BASICS = [
    Feature(
        "entity_join",
        "Objects of one subgraph get fields of another by their key; equal ones are asked for once.",
        "a b",
        f"""
        {QUERY_AB} {{ users: [User] @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A) email: String @join__field(graph: B)
        }}
        """,
        make_store({"users": [_ana, _bia, _ana, None]}, _ana, _bia),
        "{ users { email name } }",
        2,
        2,
    ),
    Feature(
        "nested_key",
        "A key may have an object in it, and the client's own selection of that object stays apart from it.",
        "a b",
        f"""
        {QUERY_AB} {{ team: Team @join__field(graph: A) }}
        type Org @join__type(graph: A) @join__type(graph: B) {{ id: ID! region: String @join__field(graph: A) }}
        type Team @join__type(graph: A, key: "org {{ id }} slug") @join__type(graph: B, key: "org {{ id }} slug") {{
          org: Org slug: String title: String @join__field(graph: A) size: Int @join__field(graph: B)
        }}
        """,
        make_store({"team": _team}, _team),
        "{ team { size title org { region } } }",
        2,
        2,
    ),
    Feature(
        "shared_root",
        "An object without a key that two subgraphs answer at the root is put together from both, at once.",
        "a b",
        f"""
        {QUERY_AB} {{ settings: Settings }}
        type Settings @join__type(graph: A) @join__type(graph: B) {{
          title: String theme: String @join__field(graph: A) locale: String @join__field(graph: B)
        }}
        """,
        make_store({"settings": {"__typename": "Settings", "title": "T", "theme": "dark", "locale": "pt-BR"}}),
        "{ settings { title theme locale } }",
        2,
        1,
    ),
    Feature(
        "interface_of_entities",
        "A field of an interface that another subgraph has is fetched for each of its types, in one request.",
        "a b",
        f"""
        {QUERY_AB} {{ pets: [Pet] @join__field(graph: A) }}
        interface Pet @join__type(graph: A) @join__type(graph: B) {{
          id: ID! name: String @join__field(graph: A) vet: String @join__field(graph: B)
        }}
        type Cat implements Pet
          @join__implements(graph: A, interface: "Pet") @join__implements(graph: B, interface: "Pet")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A)
          lives: Int @join__field(graph: A) vet: String @join__field(graph: B)
        }}
        type Dog implements Pet
          @join__implements(graph: A, interface: "Pet") @join__implements(graph: B, interface: "Pet")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A) vet: String @join__field(graph: B)
        }}
        """,
        make_store({"pets": [_cat, _dog, None]}, _cat, _dog),
        "{ pets { __typename vet ... on Cat { lives } name } }",
        2,
        2,
    ),
    Feature(
        "interface_object",
        "A field added to an interface as a whole is fetched by the interface's key, whatever the objects are.",
        "a b",
        f"""
        {QUERY_AB} {{ pets: [Pet] @join__field(graph: A) tagged: [Pet] @join__field(graph: B) }}
        interface Pet @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {{
          id: ID! name: String @join__field(graph: A) tag: String @join__field(graph: B)
        }}
        type Cat implements Pet @join__implements(graph: A, interface: "Pet") @join__type(graph: A, key: "id") {{
          id: ID! name: String lives: Int tag: String @join__field
        }}
        type Dog implements Pet @join__implements(graph: A, interface: "Pet") @join__type(graph: A, key: "id") {{
          id: ID! name: String tag: String @join__field
        }}
        """,
        make_store({"pets": [_cat, _dog], "tagged": [_dog, _cat]}, _cat, _dog),
        "{ pets { name tag ... on Cat { lives } } tagged { tag } }",
        3,
        2,
    ),
    Feature(
        "mutations_in_series",
        "Mutations run one after the other, in the order of mention, whoever has them.",
        "a b",
        f"""
        {QUERY_AB} {{ none: Int @join__field(graph: A) }}
        type Mutation @join__type(graph: A) @join__type(graph: B) {{
          first: Int @join__field(graph: A) second: Int @join__field(graph: B) third: Int @join__field(graph: A)
        }}
        """,
        make_store({"none": 1}, Mutation={"first": 1, "second": 2, "third": 3}),
        "mutation { first second third }",
        3,
        3,
        roots="mutation: Mutation",
    ),
    Feature(
        "conditions_and_variables",
        "What a condition leaves out is not fetched; variables go where their arguments go.",
        "a b",
        f"""
        {QUERY_AB} {{ user(id: ID!): User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A) email: String @join__field(graph: B)
        }}
        """,
        make_store({"user": lambda id: _ana if id == "1" else None}, _ana),  # noqa: A006
        'query ($id: ID! = "1", $more: Boolean!) { user(id: $id) { name email @include(if: $more) } }',
        1,
        1,
        variables={"more": False},
    ),
]
