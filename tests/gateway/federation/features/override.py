"""`@shareable` and `@override`: which of several subgraphs answers a field."""

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

_ana = {"__typename": "User", "id": "1", "name": "Ana", "email": "ana@a"}
_city = {"__typename": "City", "id": "c", "name": "Recife", "state": "PE"}
_venue = {"__typename": "Venue", "id": "v", "name": "Hall", "city": _city, "seats": 90, "floor": "wood"}
_event = {"__typename": "Event", "id": "e", "title": "Jazz", "venue": _venue}
_combo = {"__typename": "Combo", "id": "k", "code": "POP", "price": 30, "label": "POP 30", "stock": 5}

OVERRIDE = [
    Feature(
        "override",
        "A field taken over is asked of its new owner; a progressive override whose label is off changes nothing.",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! email: String @join__field(graph: B, override: "a")
          name: String @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "percent(10)")
        }}
        """,
        make_store({"user": _ana}, _ana),
        "{ user { email name } }",
        2,
        2,
    ),
    Feature(
        "shareable",
        "A field that several subgraphs answer is taken where its object already is.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          venue: Venue @join__field(graph: A) hall: Venue @join__field(graph: B)
        }
        type Venue @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") { id: ID! name: String }
        """,
        make_store({"venue": _venue, "hall": _venue}, _venue),
        "{ venue { name } hall { name } }",
        2,
        1,
    ),
    Feature(
        "shareable_where_one_goes_anyway",
        "A field that several subgraphs answer is taken where another field makes one go anyway.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          venue: Venue @join__field(graph: A)
        }
        type Venue
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id")
        {
          id: ID!
          name: String @join__field(graph: B) @join__field(graph: C)
          seats: Int @join__field(graph: C)
        }
        """,
        make_store({"venue": _venue}, _venue),
        "{ venue { name seats } }",
        2,
        2,
    ),
    Feature(
        "shared_object_in_parts",
        "An object without a key is put together along the path by which two subgraphs have it.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { event: Event @join__field(graph: A) }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") { id: ID! venue: Venue }
        type Venue @join__type(graph: A) @join__type(graph: B) {
          name: String seats: Int @join__field(graph: A) floor: String @join__field(graph: B)
        }
        """,
        make_store({"event": _event}, _event),
        "{ event { venue { floor name seats } } }",
        2,
        2,
    ),
    Feature(
        "override_with_its_label_on",
        "A progressive override whose label is on moves the field to its new owner.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { combo: Combo @join__field(graph: A) }
        type Combo @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! price: Int @join__field(graph: A) @join__field(graph: B, override: "a", overrideLabel: "pricing")
        }
        """,
        make_store({"combo": _combo}, _combo),
        "{ combo { price } }",
        2,
        2,
        labels=frozenset({"pricing"}),
    ),
    Feature(
        "override_of_what_is_required",
        "A requirement is fetched from whoever has taken the required field over.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          combo: Combo @join__field(graph: A)
        }
        type Combo @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
          id: ID!
          price: Int @join__field(graph: B, override: "a") @join__field(graph: C, external: true)
          label: String @join__field(graph: C, requires: "price")
        }
        """,
        make_store({"combo": _combo}, _combo),
        "{ combo { label } }",
        3,
        3,
    ),
    Feature(
        "override_of_a_key",
        "A key that another subgraph has taken over still opens the one that had it.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { combo: Combo @join__field(graph: B) }
        type Combo @join__type(graph: A, key: "code") @join__type(graph: B, key: "code") {
          code: String @join__field(graph: A, usedOverridden: true) @join__field(graph: B, override: "a")
          stock: Int @join__field(graph: A)
        }
        """,
        make_store({"combo": _combo}, _combo),
        "{ combo { code stock } }",
        2,
        2,
    ),
    Feature(
        "override_from_nobody",
        "An override of a subgraph that is not there changes nothing.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { combo: Combo @join__field(graph: A) }
        type Combo @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! price: Int @join__field(graph: A) @join__field(graph: B, override: "gone")
        }
        """,
        make_store({"combo": _combo}, _combo),
        "{ combo { price } }",
        1,
        1,
    ),
]
