"""`@provides`, `@external`, and extensions as Federation 1 wrote them."""

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

_ana = {"__typename": "User", "id": "1", "name": "Ana", "email": "ana@a"}
_bia = {"__typename": "User", "id": "2", "name": "Bia", "email": "bia@a"}
_city = {"__typename": "City", "id": "c", "name": "Recife", "state": "PE"}
_venue = {"__typename": "Venue", "id": "v", "name": "Hall", "city": _city, "seats": 90, "floor": "wood"}
_event = {"__typename": "Event", "id": "e", "title": "Jazz", "venue": _venue}
_movie = {"__typename": "Movie", "id": "m", "title": "Film", "minutes": 90}
_match = {"__typename": "Match", "id": "g", "title": "Final", "teams": "A x B"}
_combo = {"__typename": "Combo", "id": "k", "code": "POP", "price": 30, "label": "POP 30", "stock": 5}

_BILL = """
        type Query @join__type(graph: A) @join__type(graph: B) {
          tonight: [Show] @join__field(graph: A, provides: "%s")
          later: [Show] @join__field(graph: A)
        }
        %s
        type Movie %s @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          title: String @join__field(graph: A, external: true) @join__field(graph: B)
          minutes: Int @join__field(graph: B)
        }
        type Match %s @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          title: String @join__field(graph: A, external: true) @join__field(graph: B)
          teams: String @join__field(graph: B)
        }
        """
_SHOWS = make_store({"tonight": [_movie, _match], "later": [_match]}, _movie, _match)
_IMPLEMENTS = """implements Show
          @join__implements(graph: A, interface: "Show") @join__implements(graph: B, interface: "Show")"""


PROVIDES = [
    Feature(
        "provides",
        "A field provided along one path is taken there; along another path it is fetched from its owner.",
        "a b",
        f"""
        {QUERY_AB} {{ user: User @join__field(graph: A, provides: "name") plain: User @join__field(graph: A) }}
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID! name: String @join__field(graph: A, external: true) @join__field(graph: B)
        }}
        """,
        make_store({"user": _ana, "plain": _bia}, _ana, _bia),
        "{ user { name } plain { name } }",
        2,
        2,
    ),
    Feature(
        "provides_nested",
        "What is provided may lie several objects deep, and holds only as far as it says.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          event: Event @join__field(graph: A, provides: "venue { city { name } }")
        }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          title: String @join__field(graph: B)
          venue: Venue @join__field(graph: A, external: true) @join__field(graph: B)
        }
        type Venue @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          name: String @join__field(graph: B)
          city: City @join__field(graph: A, external: true) @join__field(graph: B)
        }
        type City @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          name: String @join__field(graph: A, external: true) @join__field(graph: B)
          state: String @join__field(graph: B)
        }
        """,
        make_store({"event": _event}, _event, _venue, _city),
        "{ event { venue { city { name state } } } }",
        2,
        2,
    ),
    Feature(
        "provides_on_interface",
        "A field of an interface is provided for whatever type the object is, along that path only.",
        "a b",
        _BILL
        % (
            "title",
            """interface Show @join__type(graph: A) @join__type(graph: B) {
          id: ID! title: String @join__field(graph: A, external: true) @join__field(graph: B)
        }""",
            _IMPLEMENTS,
            _IMPLEMENTS,
        ),
        _SHOWS,
        "{ tonight { title } later { title } }",
        2,
        2,
    ),
    Feature(
        "provides_for_one_type_of_an_interface",
        "What is provided for one type of an interface is fetched for the others.",
        "a b",
        _BILL
        % (
            "... on Movie { title }",
            """interface Show @join__type(graph: A) @join__type(graph: B) {
          id: ID! title: String @join__field(graph: B)
        }""",
            _IMPLEMENTS,
            _IMPLEMENTS,
        ),
        _SHOWS,
        "{ tonight { title } }",
        2,
        2,
    ),
    Feature(
        "provides_on_union",
        "What is provided for one member of a union is fetched for the others.",
        "a b",
        _BILL
        % (
            "... on Movie { title }",
            """union Show @join__type(graph: A) @join__type(graph: B)
          @join__unionMember(graph: A, member: "Movie") @join__unionMember(graph: B, member: "Movie")
          @join__unionMember(graph: A, member: "Match") @join__unionMember(graph: B, member: "Match") = Movie | Match
        """,
            "",
            "",
        ),
        _SHOWS,
        "{ tonight { ... on Movie { title } ... on Match { title } } }",
        2,
        2,
    ),
    Feature(
        "extension_of_federation_one",
        "A type extended as in Federation 1 is joined both ways by the key that the extension repeats.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          combo: Combo @join__field(graph: A) cheapest: Combo @join__field(graph: B)
        }
        type Combo @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", extension: true) {
          id: ID! code: String @join__field(graph: A) stock: Int @join__field(graph: B)
        }
        """,
        make_store({"combo": _combo, "cheapest": _combo}, _combo),
        "{ combo { stock } cheapest { code } }",
        4,
        2,
    ),
    Feature(
        "external_is_not_answered",
        "An external field is there for others to be required by; it is asked of its owner.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { combo: Combo @join__field(graph: B) }
        type Combo @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID!
          price: Int @join__field(graph: A) @join__field(graph: B, external: true)
          label: String @join__field(graph: B, requires: "price")
        }
        """,
        make_store({"combo": _combo}, _combo),
        "{ combo { price } }",
        2,
        2,
    ),
]
