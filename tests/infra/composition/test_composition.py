"""Composing subgraphs: what is refused, what breaks clients, and where a field is answered."""

import pytest

from infra.local.composition.changes import breaking_changes
from infra.local.composition.owners import FieldUnknown, owners_of
from infra.local.composition.supergraph import SCHEMA, SUPERGRAPH, CompositionFailed, compose

HEAD = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])\n'
EVENTS = (
    HEAD
    + 'type Query { event: Event secret: Int @inaccessible } type Event @key(fields: "id") { id: ID! name: String }'
)
COMBOS = HEAD + 'type Event @key(fields: "id") { id: ID! combos: [String!] }'


def test_subgraphs_compose_into_a_supergraph_and_a_public_schema_without_what_is_internal() -> None:
    composed = compose({"events": EVENTS, "combos": COMBOS})
    assert "secret" in composed.supergraph
    assert "secret" not in composed.schema
    assert "combos: [String!]" in composed.schema
    assert {owner.subgraph for owner in owners_of(composed.supergraph, "Event.combos")} == {"combos"}
    assert {owner.subgraph for owner in owners_of(composed.supergraph, "Event.id")} == {"events", "combos"}


def test_subgraphs_that_contradict_each_other_are_refused_with_the_reason() -> None:
    with pytest.raises(CompositionFailed, match="name"):
        compose({"events": EVENTS, "combos": HEAD + 'type Event @key(fields: "id") { id: ID! name: Int }'})


@pytest.mark.parametrize("coordinate", ["Event.missing", "Missing.id", "nonsense", ""])
def test_a_field_that_nobody_has_is_told_so(coordinate: str) -> None:
    with pytest.raises(FieldUnknown):
        owners_of(compose({"events": EVENTS}).supergraph, coordinate)


@pytest.mark.parametrize(
    ("after", "breaks"),
    [
        ("type Query { a: Int b: Int }", True),
        ("type Query { a: Int old: Int kind: Kind } enum Kind { X Y }", True),  # b is gone
        ("type Query { a: Int b: Int kind: Kind } enum Kind { X Y }", False),  # `old` was deprecated
        ("type Query { a: Int b: Int old: Int kind: Kind } enum Kind { X }", False),  # so was Y
        ("type Query { a: String b: Int old: Int kind: Kind } enum Kind { X Y }", True),
        ("type Query { a: Int b: Int old: Int kind: Kind more: Int } enum Kind { X Y Z }", False),
    ],
)
def test_only_what_was_deprecated_before_may_go(after: str, breaks: bool) -> None:
    before = """type Query { a: Int b: Int old: Int @deprecated(reason: "use a") kind: Kind }
      enum Kind { X Y @deprecated(reason: "X") }"""
    assert bool(breaking_changes(before, after)) is breaks


@pytest.mark.parametrize(
    ("coordinate", "subgraph", "file"),
    [
        ("Event.combos", "concessions", "subgraphs/concessions/types.py"),
        ("Mutation.requestReservation", "experience", "gateway/experience/schema.py"),
        ("Customer.notifications", "notifications", "subgraphs/notifications/types.py"),
    ],
)
def test_the_owner_of_a_field_is_named_with_its_file(coordinate: str, subgraph: str, file: str) -> None:
    (owner,) = owners_of(SUPERGRAPH.read_text(), coordinate)
    assert owner.subgraph == subgraph
    assert (owner.place or "").startswith(f"{file}:")


def test_the_public_schema_shows_nothing_internal() -> None:
    schema = SCHEMA.read_text()
    for name in ("allocateReservations", "beginCheckout", "createPayment", "placeConcessionOrder", "_entities", "_Any"):
        assert name not in schema
