"""One small supergraph for each feature of Federation, with data and an operation that needs it."""

from tests.gateway.federation.feature import QUERY_AB, Feature
from tests.gateway.federation.feature import make_store as _store
from tests.gateway.federation.features_found import LATER

_ana = {"__typename": "User", "id": "1", "name": "Ana", "email": "ana@a", "score": 7, "level": "L7"}
_bia = {"__typename": "User", "id": "2", "name": "Bia", "email": "bia@a", "score": 9, "level": "L9"}
_org = {"__typename": "Org", "id": "o", "region": "sp"}
_team = {"__typename": "Team", "org": _org, "slug": "t", "title": "Time", "size": 3}
_cat = {"__typename": "Cat", "id": "c", "name": "Mia", "lives": 9, "vet": "Dr. A", "tag": "T-c"}
_dog = {"__typename": "Dog", "id": "d", "name": "Rex", "vet": "Dr. B", "tag": "T-d"}

FEATURES = [
    Feature(
        "entity_join",
        "a b",
        f"""
        {QUERY_AB} {{ users: [User] @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A) email: String @join__field(graph: B)
        }}
        """,
        _store({"users": [_ana, _bia, _ana, None]}, _ana, _bia),
        "{ users { email name } }",
        2,
        2,
    ),
    Feature(
        "nested_key",
        "a b",
        f"""
        {QUERY_AB} {{ team: Team @join__field(graph: A) }}
        type Org @join__type(graph: A) @join__type(graph: B) {{ id: ID! region: String @join__field(graph: A) }}
        type Team @join__type(graph: A, key: "org {{ id }} slug") @join__type(graph: B, key: "org {{ id }} slug") {{
          org: Org slug: String title: String @join__field(graph: A) size: Int @join__field(graph: B)
        }}
        """,
        _store({"team": _team}, _team),
        "{ team { size title org { region } } }",
        2,
        2,
    ),
    Feature(
        "requires",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: B) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! score: Int @join__field(graph: A) @join__field(graph: B, external: true)
          level: String @join__field(graph: B, requires: "score") email: String @join__field(graph: B)
        }}
        """,
        _store({"user": _ana}, _ana),
        "{ user { level email } }",
        3,
        3,
    ),
    Feature(
        "provides",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: A, provides: "name") plain: User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A, external: true) @join__field(graph: B)
        }}
        """,
        _store({"user": _ana, "plain": _bia}, _ana, _bia),
        "{ user { name } plain { name } }",
        2,
        2,
    ),
    Feature(
        "override",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! email: String @join__field(graph: B, override: "a")
          name: String @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "percent(10)")
        }}
        """,
        _store({"user": _ana}, _ana),
        "{ user { email name } }",
        2,
        2,
    ),
    Feature(
        "shared_root",
        "a b",
        f"""
        {QUERY_AB} {{ settings: Settings }}
        type Settings @join__type(graph: A) @join__type(graph: B) {{
          title: String theme: String @join__field(graph: A) locale: String @join__field(graph: B)
        }}
        """,
        _store({"settings": {"__typename": "Settings", "title": "T", "theme": "dark", "locale": "pt-BR"}}),
        "{ settings { title theme locale } }",
        2,
        1,
    ),
    Feature(
        "interface_of_entities",
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
        _store({"pets": [_cat, _dog, None]}, _cat, _dog),
        "{ pets { __typename vet ... on Cat { lives } name } }",
        2,
        2,
    ),
    Feature(
        "interface_object",
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
        _store({"pets": [_cat, _dog], "tagged": [_dog, _cat]}, _cat, _dog),
        "{ pets { name tag ... on Cat { lives } } tagged { tag } }",
        3,
        2,
    ),
    Feature(
        "mutations_in_series",
        "a b",
        f"""
        {QUERY_AB} {{ none: Int @join__field(graph: A) }}
        type Mutation @join__type(graph: A) @join__type(graph: B) {{
          first: Int @join__field(graph: A) second: Int @join__field(graph: B) third: Int @join__field(graph: A)
        }}
        """,
        _store({"none": 1}, Mutation={"first": 1, "second": 2, "third": 3}),
        "mutation { first second third }",
        3,
        3,
        roots="mutation: Mutation",
    ),
    Feature(
        "conditions_and_variables",
        "a b",
        f"""
        {QUERY_AB} {{ user(id: ID!): User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A) email: String @join__field(graph: B)
        }}
        """,
        _store({"user": lambda id: _ana if id == "1" else None}, _ana),  # noqa: A006
        'query ($id: ID! = "1", $more: Boolean!) { user(id: $id) { name email @include(if: $more) } }',
        1,
        1,
        variables={"more": False},
    ),
    *LATER,
]
