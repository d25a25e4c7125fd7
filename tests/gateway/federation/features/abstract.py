"""Interfaces and unions whose members differ by subgraph, and the names of types."""

from tests.gateway.federation.feature import Feature, make_store

_arena = {"__typename": "Arena", "id": "a", "name": "Arena", "gates": 4, "ramps": 2, "map": "a.png"}
_stream = {"__typename": "Stream", "id": "w", "name": "Stream", "url": "https://s", "map": None}
_street = {"__typename": "Street", "id": "s", "name": "Street", "lanes": 6, "ramps": 0, "map": "s.png"}
_movie = {"__typename": "Movie", "id": "m", "title": "Film", "minutes": 90, "place": _arena}
_match = {"__typename": "Match", "id": "g", "teams": "A x B", "place": _street}
_concert = {"__typename": "Concert", "id": "c", "band": "Trio", "place": _stream}

_AS_PLACE = """implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")"""
_PLACES = f"""
        type Query @join__type(graph: A) @join__type(graph: B) {{ places: [Place] @join__field(graph: A) }}
        interface Place @join__type(graph: A) @join__type(graph: B) {{
          id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B)
        }}
        type Arena {_AS_PLACE} {{
          id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B)
          gates: Int @join__field(graph: A)
        }}
        type Stream {_AS_PLACE} {{
          id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B)
          url: String @join__field(graph: B)
        }}
        """
_LISTINGS = """
        type Query @join__type(graph: A) @join__type(graph: B) {
          weekend: [Show] @join__field(graph: A) festival: [Show] @join__field(graph: B) featured: Show
        }
        union Show @join__type(graph: A) @join__type(graph: B)
          @join__unionMember(graph: A, member: "Movie") @join__unionMember(graph: A, member: "Match")
          @join__unionMember(graph: B, member: "Movie") @join__unionMember(graph: B, member: "Concert")
          = Movie | Match | Concert
        type Movie @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID! title: String @join__field(graph: A) minutes: Int @join__field(graph: B)
        }
        type Match @join__type(graph: A) { id: ID! teams: String }
        type Concert @join__type(graph: B) { id: ID! band: String }
        """
_SHOWS = make_store({"weekend": [_movie, _match], "festival": [_concert, _movie], "featured": _movie}, _movie)

ABSTRACT = [
    Feature(
        "union_members_by_subgraph",
        "A subgraph is asked only for the members that its union has; fields of others join them.",
        "a b",
        _LISTINGS,
        _SHOWS,
        """{
          weekend { ... on Movie { title minutes } ... on Match { teams } ... on Concert { band } }
          festival { ... on Movie { title minutes } ... on Match { teams } ... on Concert { band } }
        }""",
        4,
        2,
    ),
    Feature(
        "union_intersection",
        "A union that two subgraphs answer at one field has only the members that both know.",
        "a b",
        _LISTINGS,
        _SHOWS,
        "{ featured { __typename ... on Movie { id } ... on Match { teams } ... on Concert { band } } }",
        1,
        1,
    ),
    Feature(
        "union_member_nobody_returns",
        "A fragment on a type that cannot occur is asked of nobody, and its object is empty.",
        "a b",
        _LISTINGS,
        _SHOWS,
        "{ weekend { ... on Concert { band } } }",
        1,
        1,
    ),
    Feature(
        "interface_fields_of_each_type",
        "A field of one type of an interface is fetched for the objects of that type alone.",
        "a b",
        _PLACES,
        make_store({"places": [_arena, _stream, _arena]}, _arena, _stream),
        "{ places { name ... on Stream { url } ... on Arena { gates } } }",
        2,
        2,
    ),
    Feature(
        "interface_answered_by_several",
        "The types of an interface may have one field in different subgraphs, which are asked at once.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          places: [Place] @join__field(graph: A)
        }
        interface Place @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          id: ID! map: String @join__field(graph: B) @join__field(graph: C)
        }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! map: String @join__field(graph: B) }
        type Street implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: C, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: C, key: "id")
        { id: ID! map: String @join__field(graph: C) }
        """,
        make_store({"places": [_street, _arena]}, _arena, _street),
        "{ places { map } }",
        3,
        2,
    ),
    Feature(
        "interface_unknown_where_objects_come_from",
        "A fragment on an interface that the subgraph has not is written out for its types.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { places: [Place] @join__field(graph: A) }
        interface Place @join__type(graph: A) { id: ID! }
        interface Reachable @join__type(graph: B) { ramps: Int }
        type Arena implements Place & Reachable
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Reachable")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! ramps: Int @join__field(graph: B) }
        type Street implements Place & Reachable
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Reachable")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! ramps: Int @join__field(graph: B) }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id")
        { id: ID! }
        """,
        make_store({"places": [_arena, _stream, _street]}, _arena, _street),
        "{ places { ... on Reachable { ramps } } }",
        2,
        2,
    ),
    Feature(
        "interface_of_an_interface",
        "An interface that implements another is selected through either of them.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { places: [Place] @join__field(graph: A) }
        interface Place @join__type(graph: A) { id: ID! name: String }
        interface Reachable implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A)
        { id: ID! name: String ramps: Int }
        type Arena implements Reachable & Place
          @join__implements(graph: A, interface: "Reachable") @join__implements(graph: A, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! name: String @join__field(graph: A) ramps: Int @join__field(graph: A)
          gates: Int @join__field(graph: B) }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A)
        { id: ID! name: String }
        """,
        make_store({"places": [_arena, _stream]}, _arena),
        "{ places { name ... on Reachable { ramps ... on Arena { gates } } } }",
        2,
        2,
    ),
    Feature(
        "interface_implemented_in_one_subgraph",
        "A type that is of an interface in one subgraph only is not asked through it in another.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) {
          places: [Place] @join__field(graph: A) best: [Place] @join__field(graph: B)
        }
        interface Place @join__type(graph: A) @join__type(graph: B) { id: ID! name: String }
        type Arena implements Place
          @join__implements(graph: A, interface: "Place") @join__implements(graph: B, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! name: String gates: Int @join__field(graph: A) }
        type Stream implements Place @join__implements(graph: A, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id")
        { id: ID! name: String @join__field(graph: A) url: String @join__field(graph: B) }
        """,
        make_store({"places": [_arena, _stream], "best": [_arena]}, _arena, _stream),
        "{ places { name ... on Stream { url } } best { name ... on Stream { url } } }",
        3,
        2,
    ),
    Feature(
        "typename_everywhere",
        "The names of types are told at every place, under any name, and cost no request of their own.",
        "a b",
        _PLACES,
        make_store({"places": [_arena, _stream]}, _arena, _stream),
        "{ __typename kind: __typename places { is: __typename ... on Stream { __typename url } } }",
        2,
        2,
    ),
    Feature(
        "typename_alone",
        "The name of the root type is known without asking anybody.",
        "a b",
        _PLACES,
        make_store({"places": []}),
        "{ __typename }",
        0,
        0,
    ),
    Feature(
        "abstract_below_abstract",
        "Types of a union within types of another are asked where each is known.",
        "a b",
        f"""
        type Query @join__type(graph: A) @join__type(graph: B) {{ shows: [Show] @join__field(graph: A) }}
        union Show @join__type(graph: A)
          @join__unionMember(graph: A, member: "Movie") @join__unionMember(graph: A, member: "Concert")
          = Movie | Concert
        type Movie @join__type(graph: A) {{ id: ID! place: Place }}
        type Concert @join__type(graph: A) {{ id: ID! place: Place }}
        interface Place @join__type(graph: A) @join__type(graph: B) {{
          id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B)
        }}
        type Arena {_AS_PLACE} {{ id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B) }}
        type Stream {_AS_PLACE} {{
          id: ID! name: String @join__field(graph: A) map: String @join__field(graph: B)
          url: String @join__field(graph: B)
        }}
        """,
        make_store({"shows": [_movie, _concert]}, _arena, _stream),
        "{ shows { ... on Movie { place { map } } ... on Concert { place { name ... on Stream { url } } } } }",
        2,
        2,
    ),
]
