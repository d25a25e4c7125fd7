"""Interfaces that are entities, and `@interfaceObject`: fields added to all of an interface's types at once."""

from tests.gateway.federation.feature import Feature, make_store

_arena = {
    "__typename": "Arena",
    "id": "a",
    "name": "Arena",
    "gates": 4,
    "rating": 9,
    "badge": "Arena 9",
    "owner": "Ana",
}
_stream = {"__typename": "Stream", "id": "s", "name": "Web", "url": "u", "rating": 7, "badge": "Web 7", "owner": "Bia"}
_guide = {"__typename": "Guide", "id": "g", "place": _stream}

_PLACES = """
        type Query @join__type(graph: A) @join__type(graph: B) {
          places: [Place] @join__field(graph: A) top: [Place] @join__field(graph: B)
        }
        interface Place @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {
          id: ID!
          name: String @join__field(graph: A) @join__field(graph: B, external: true)
          rating: Int @join__field(graph: B)
          badge: String @join__field(graph: B, requires: "name")
        }
        type Arena implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String gates: Int rating: Int @join__field badge: String @join__field
        }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String url: String rating: Int @join__field badge: String @join__field
        }
        """
_STORE = make_store({"places": [_arena, _stream], "top": [_stream, _arena]}, _arena, _stream)

INTERFACE_OBJECTS = [
    Feature(
        "interface_object_of_one_type",
        "A field that an interface object adds, asked of one type, is fetched for the objects of that type alone.",
        "a b",
        _PLACES,
        _STORE,
        "{ places { ... on Arena { rating } } }",
        2,
        2,
    ),
    Feature(
        "interface_object_tells_no_type",
        "Who starts from an interface object has to be told by another subgraph what its objects are.",
        "a b",
        _PLACES,
        _STORE,
        "{ top { __typename rating } }",
        2,
        2,
    ),
    Feature(
        "interface_object_to_a_type",
        "From an interface object to a field of one type: the subgraph that knows the types has it.",
        "a b",
        _PLACES,
        _STORE,
        "{ top { rating ... on Stream { url } } }",
        2,
        2,
    ),
    Feature(
        "interface_object_field_of_one_type",
        "Starting from an interface object, its own field in a fragment on one type waits until the types are known.",
        "a b",
        _PLACES,
        _STORE,
        "{ top { ... on Stream { rating } } }",
        2,
        2,
    ),
    Feature(
        "interface_object_requires",
        "A field that an interface object adds may require what the interface's types have.",
        "a b",
        _PLACES,
        _STORE,
        "{ places { badge ... on Arena { gates } } top { badge } }",
        4,
        3,
    ),
    Feature(
        "interface_object_not_resolvable",
        "An interface object whose key is not resolvable adds its field only along its own paths.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { top: [Place] @join__field(graph: B) }
        interface Place
          @join__type(graph: A, key: "id")
          @join__type(graph: B, key: "id", resolvable: false, isInterfaceObject: true)
        { id: ID! name: String @join__field(graph: A) rating: Int @join__field(graph: B) }
        type Arena implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String rating: Int @join__field
        }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String rating: Int @join__field
        }
        """,
        _STORE,
        "{ top { name rating } }",
        2,
        2,
    ),
    Feature(
        "interface_object_in_several_subgraphs",
        "Two subgraphs may each add to an interface, and neither needs to know its types.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          top: [Place] @join__field(graph: B)
        }
        interface Place
          @join__type(graph: A, key: "id")
          @join__type(graph: B, key: "id", isInterfaceObject: true)
          @join__type(graph: C, key: "id", isInterfaceObject: true)
        { id: ID! rating: Int @join__field(graph: B) owner: String @join__field(graph: C) }
        type Arena implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! rating: Int @join__field owner: String @join__field
        }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! rating: Int @join__field owner: String @join__field
        }
        """,
        _STORE,
        "{ top { rating owner } }",
        2,
        2,
    ),
    Feature(
        "interface_object_to_an_extended_type",
        "From an interface object, by way of who knows the types, to a third subgraph that extends one of them.",
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          guide: Guide @join__field(graph: B)
        }
        type Guide @join__type(graph: B, key: "id") { id: ID! place: Place }
        interface Place @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {
          id: ID! name: String @join__field(graph: A)
        }
        type Arena implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String
        }
        type Stream implements Place
          @join__implements(graph: A, interface: "Place")
          @join__type(graph: A, key: "id") @join__type(graph: C, key: "id", extension: true)
        { id: ID! name: String @join__field(graph: A) owner: String @join__field(graph: C) }
        """,
        make_store({"guide": _guide}, _guide, _arena, _stream),
        "{ guide { id place { id ... on Stream { owner } } } }",
        3,
        3,
    ),
    Feature(
        "interface_with_a_key",
        "An interface that is an entity is asked by its key as a whole, its types told by the answer.",
        "a b",
        """
        type Query @join__type(graph: A) @join__type(graph: B) { top: [Place] @join__field(graph: B) }
        interface Place @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) {
          id: ID! name: String @join__field(graph: A)
        }
        type Arena implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String gates: Int
        }
        type Stream implements Place @join__implements(graph: A, interface: "Place") @join__type(graph: A, key: "id") {
          id: ID! name: String url: String
        }
        """,
        _STORE,
        "{ top { name ... on Arena { gates } ... on Stream { url } } }",
        2,
        2,
    ),
]
