"""Features whose fixtures came later: requirements of every kind, abstract types that differ, and bugs once found."""

from typing import Any

from tests.gateway.federation.feature import QUERY_AB, Feature, make_store

QUERY_ABC = f"{QUERY_AB} @join__type(graph: C)"

_lamp: dict[str, Any] = {
    "__typename": "Lamp",
    "id": "l",
    "sku": "s-l",
    "watts": lambda unit="W": {"W": 60, "KW": 0}[unit],
    "maker": {"__typename": "Maker", "name": "Luz", "country": "BR"},
    "label": "60 W of Luz",
    "grade": "B",
    "advice": "dim it",
}
_bulb = {"__typename": "Bulb", "id": "b", "base": "E27", "glow": "warm", "hours": 900, "score": 1}
_tube = {"__typename": "Tube", "id": "t", "length": 120, "glow": "cold", "hours": 800, "score": 2}
_shelf = {"__typename": "Shelf", "id": "s", "item": _tube, "summary": "120 cm"}
_event: dict[str, Any] = {
    "__typename": "Event",
    "id": "e1",
    "venue": {"__typename": "Venue", "id": "v1", "city": {"__typename": "City", "name": "Recife", "state": "PE"}},
}
_left: dict[str, Any] = {"__typename": "Left", "id": "1", "code": "L", "twin": None, "note": "left", "text": "links"}
_right = {"__typename": "Right", "id": "2", "code": "R", "twin": _left, "note": "right", "text": "rechts"}
_left["twin"] = _right

LATER = [
    Feature(
        "several_keys",
        "a b c",
        f"""
        {QUERY_ABC} {{ lamp: Lamp @join__field(graph: A) }}
        type Lamp
          @join__type(graph: A, key: "id")
          @join__type(graph: B, key: "id") @join__type(graph: B, key: "sku")
          @join__type(graph: C, key: "sku")
        {{
          id: ID @join__field(graph: A) @join__field(graph: B)
          sku: String @join__field(graph: B) @join__field(graph: C)
          grade: String @join__field(graph: C)
        }}
        """,
        make_store({"lamp": _lamp}, _lamp),
        "{ lamp { grade } }",
        3,
        3,
    ),
    Feature(
        "null_keys",
        "a b",
        f"""
        {QUERY_AB} {{ lamps: [Lamp] @join__field(graph: A) }}
        type Lamp @join__type(graph: A, key: "sku") @join__type(graph: B, key: "sku") {{
          sku: String grade: String @join__field(graph: B)
        }}
        """,
        make_store({"lamps": [_lamp, {"__typename": "Lamp", "sku": None, "grade": None}]}, _lamp),
        "{ lamps { sku grade } }",
        2,
        2,
    ),
    Feature(
        "requires_with_arguments_and_nesting",
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
        "inaccessible",
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
        "root_field_as_object_or_union",
        # Found by generated operations: where a subgraph declares the object type, the answer still has to tell it.
        "a b",
        f"""
        {QUERY_AB} {{
          light: Light @join__field(graph: A, type: "Bulb") @join__field(graph: B, type: "Light")
        }}
        union Light @join__type(graph: A) @join__type(graph: B)
          @join__unionMember(graph: A, member: "Bulb") @join__unionMember(graph: B, member: "Bulb")
          @join__unionMember(graph: B, member: "Tube") = Bulb | Tube
        type Bulb @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID base: String @join__field(graph: A)
        }}
        type Tube @join__type(graph: B, key: "id") {{ id: ID length: Int }}
        """,
        make_store({"light": _bulb}, _bulb),
        "{ light { ... on Bulb { base } } }",
        1,
        1,
    ),
    Feature(
        "names_agree_all_the_way_down",
        # Found by generated operations: `id` is non-null on one type in this subgraph, under fields of one name.
        "a",
        """
        type Query @join__type(graph: A) { pair: [Side] }
        interface Side @join__type(graph: A) { twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Side
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID @join__field(graph: A, type: "ID!") twin: Side
        }
        """,
        make_store({"pair": [_left, _right]}, _left, _right),
        "{ pair { ... on Left { twin { ... on Right { id } } } ... on Right { twin { ... on Left { id } } } } }",
        1,
        1,
    ),
    Feature(
        "narrower_type_on_an_object",
        # Found by generated operations: an interface's field and its narrower version on one type are one value.
        "a",
        """
        type Query @join__type(graph: A) { side: Side }
        interface Side @join__type(graph: A) { twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Right
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A, key: "id") {
          id: ID twin: Left code: String
        }
        """,
        make_store({"side": _left}, _left, _right),
        "{ side { twin { twin { __typename } } ... on Left { twin { code } } } }",
        1,
        1,
    ),
    Feature(
        "children_in_order_of_mention",
        # Found by generated operations: a field asked of one type first and of the whole interface later.
        "a b",
        f"""
        {QUERY_AB} {{ sides: [Side] @join__field(graph: A) }}
        interface Side @join__type(graph: A) @join__type(graph: B) {{ id: ID twin: Side @join__field(graph: B) }}
        type Left implements Side
          @join__implements(graph: A, interface: "Side") @join__implements(graph: B, interface: "Side")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID twin: Side @join__field(graph: B)
        }}
        type Right implements Side
          @join__implements(graph: A, interface: "Side") @join__implements(graph: B, interface: "Side")
          @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {{
          id: ID twin: Side @join__field(graph: B)
        }}
        """,
        make_store({"sides": [_left, _right]}, _left, _right),
        "{ sides { ... on Left { twin { first: id } } twin { second: id } } }",
        2,
        2,
    ),
    Feature(
        "parts_of_one_type_only",
        # Found by generated operations: common to all types, and put together with a part of its own for one of them.
        "a",
        """
        type Query @join__type(graph: A) { side: Side }
        interface Side @join__type(graph: A) { id: ID twin: Side }
        type Left implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A) {
          id: ID twin: Side @join__field(graph: A, type: "Side!")
        }
        type Right implements Side @join__implements(graph: A, interface: "Side") @join__type(graph: A) {
          id: ID twin: Left
        }
        """,
        make_store({"side": _left}),
        "{ side { twin { id } ... on Left { twin { x: id } } } }",
        1,
        1,
    ),
    Feature(
        "one_entity_at_two_places",
        # Found by generated operations: what is selected below one place must not appear at the other.
        "a b c",
        """
        type Query @join__type(graph: A) @join__type(graph: B) @join__type(graph: C) {
          event: Event @join__field(graph: A)
        }
        type Event @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
          id: ID venue: Venue @join__field(graph: B)
        }
        type Venue @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
          id: ID city: City @join__field(graph: C)
        }
        type City @join__type(graph: C) { name: String state: String }
        """,
        make_store({"event": _event}, _event, _event["venue"]),
        "{ one: event { venue { city { name } } } two: event { venue { city { state } } } }",
        3,
        3,
    ),
]
