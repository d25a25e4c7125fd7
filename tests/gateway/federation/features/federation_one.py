"""A supergraph as Federation 1 composed it (join v0.1), in front of subgraphs that declare what they did then."""

from dataclasses import replace

from tests.gateway.federation.feature import Feature, make_store

_CORE = """schema @core(feature: "https://specs.apollo.dev/core/v0.1") @core(feature: "https://specs.apollo.dev/join/v0.1")
{ query: Query %s }
"""
_SUPERGRAPH = """
        directive @core(feature: String!) repeatable on SCHEMA
        directive @join__field(
          graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet
        ) on FIELD_DEFINITION
        directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT | INTERFACE
        directive @join__owner(graph: join__Graph!) on OBJECT | INTERFACE
        directive @join__graph(name: String!, url: String!) on ENUM_VALUE
        scalar join__FieldSet
        type Query {
          events: [Event] @join__field(graph: EVENTS)
          venues: [Venue] @join__field(graph: VENUES)
          nearby: [Event] @join__field(graph: VENUES, provides: "title")
          bill: [Act] @join__field(graph: EVENTS)
          latest: Review @join__field(graph: REVIEWS)
        }
        type Event
          @join__owner(graph: EVENTS)
          @join__type(graph: EVENTS, key: "id")
          @join__type(graph: EVENTS, key: "code season { year }")
          @join__type(graph: VENUES, key: "id")
          @join__type(graph: REVIEWS, key: "code season { year }")
        {
          id: ID! @join__field(graph: EVENTS)
          code: String @join__field(graph: EVENTS)
          season: Season @join__field(graph: EVENTS)
          title: String @join__field(graph: EVENTS)
          crowd: Crowd @join__field(graph: EVENTS)
          venue: Venue @join__field(graph: VENUES)
          fits: Boolean @join__field(graph: VENUES, requires: "crowd { people }")
          reviews: [Review] @join__field(graph: REVIEWS)
        }
        type Season { year: Int }
        type Crowd { people: Int standing: Boolean }
        type Venue @join__owner(graph: VENUES) @join__type(graph: VENUES, key: "id") { id: ID! name: String }
        type Review { stars: Int of: Event }
        interface Named { name: String }
        type Band implements Named
          @join__owner(graph: EVENTS) @join__type(graph: EVENTS, key: "id") @join__type(graph: REVIEWS, key: "id")
        {
          id: ID! @join__field(graph: EVENTS)
          name: String @join__field(graph: EVENTS)
          rating: Int @join__field(graph: REVIEWS)
        }
        type Troupe implements Named { name: String people: Int }
        union Act = Band | Troupe
        """
_SUBGRAPHS = {
    "EVENTS": """
        type Query { events: [Event] bill: [Act] _entities(representations: [_Any!]!): [_Entity]! }
        scalar _Any
        union _Entity = Event | Band
        type Event { id: ID! code: String season: Season title: String crowd: Crowd }
        type Season { year: Int }
        type Crowd { people: Int standing: Boolean }
        interface Named { name: String }
        type Band implements Named { id: ID! name: String }
        type Troupe implements Named { name: String people: Int }
        union Act = Band | Troupe
        """,
    "VENUES": """
        type Query { venues: [Venue] nearby: [Event] _entities(representations: [_Any!]!): [_Entity]! }
        scalar _Any
        union _Entity = Event | Venue
        type Event { id: ID! title: String crowd: Crowd venue: Venue fits: Boolean }
        type Crowd { people: Int }
        type Venue { id: ID! name: String }
        """,
    "REVIEWS": """
        type Query { latest: Review _entities(representations: [_Any!]!): [_Entity]! }
        scalar _Any
        union _Entity = Event | Band
        type Event { code: String season: Season reviews: [Review] }
        type Season { year: Int }
        type Band { id: ID! rating: Int }
        type Review { stars: Int of: Event }
        """,
}
_venue = {"__typename": "Venue", "id": "v", "name": "Hall"}
_event = {
    "__typename": "Event",
    "id": "e",
    "code": "JAZZ",
    "season": {"__typename": "Season", "year": 2026},
    "title": "Jazz",
    "crowd": {"__typename": "Crowd", "people": 80, "standing": True},
    "venue": _venue,
    "fits": True,
    "reviews": [],
}
_review = {"__typename": "Review", "stars": 5, "of": _event | {"reviews": [{"__typename": "Review", "stars": 4}]}}
_reviewed = _event | {"reviews": [_review]}
_band = {"__typename": "Band", "id": "b", "name": "Trio", "rating": 9}
_troupe = {"__typename": "Troupe", "name": "Circus", "people": 30}

_OWNED = Feature(
    "one_owned_type",
    "Federation 1: a type's owner is joined with those that extend the type, each by its key, nested ones included.",
    "events venues reviews",
    _SUPERGRAPH,
    make_store(
        {
            "events": [_reviewed],
            "venues": [_venue],
            "nearby": [_event],
            "bill": [_troupe, _band],
            "latest": _review,
        },
        _reviewed,
        _venue,
        _band,
    ),
    "{ events { title venue { name } reviews { stars } } }",
    3,
    2,
    header=_CORE,
    subgraphs=_SUBGRAPHS,
)

FEDERATION_ONE = [
    _OWNED,
    replace(
        _OWNED,
        name="one_extension_to_extension",
        shows="Federation 1: from one extension to another by way of the owner, where they share no key.",
        query="{ latest { of { venue { name } } } }",
        fetches=3,
        rounds=3,
    ),
    replace(
        _OWNED,
        name="one_requires",
        shows="Federation 1: what an extension's field requires is fetched from the type's owner.",
        query="{ nearby { fits } }",
        fetches=3,
        rounds=3,
    ),
    replace(
        _OWNED,
        name="one_provides",
        shows="Federation 1: what a root field provides of a type's owner needs no fetch.",
        query="{ nearby { title id } }",
        fetches=1,
        rounds=1,
    ),
    replace(
        _OWNED,
        name="one_value_type",
        shows="Federation 1: a type without an owner is whole wherever it occurs.",
        query="{ latest { stars of { reviews { stars } } } }",
        fetches=1,
        rounds=1,
    ),
    replace(
        _OWNED,
        name="one_abstract_types",
        shows="Federation 1: interfaces and unions are asked of subgraphs that have all that they consist of.",
        query="{ bill { ... on Named { name } ... on Band { rating } ... on Troupe { people } } }",
        fetches=2,
        rounds=2,
    ),
]
