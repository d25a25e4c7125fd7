"""Opaque ids and cursors: what we made comes back, what others made is refused, nothing crashes."""

import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.chassis.demo import demo_id
from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.pagination import connection_of, decode_cursor, encode_cursor, page_of, page_size


@given(st.uuids())
def test_an_id_comes_back_as_it_went(id: UUID) -> None:
    assert global_id.decode("Event", global_id.encode("Event", id)) == id


def test_ids_are_relays_format() -> None:
    zero = UUID("00000000-0000-4000-8000-000000000000")
    assert base64.b64decode(global_id.encode("Event", zero)) == b"Event:00000000-0000-4000-8000-000000000000"


@given(st.text())
def test_garbage_is_an_id_that_does_not_exist(text: str) -> None:
    assert global_id.decode("Event", text) is None
    assert global_id.decode("Event", base64.b64encode(text.encode()).decode()) is None


def test_another_types_id_and_other_spellings_do_not_exist() -> None:
    uuid = uuid4()
    assert global_id.decode("Event", global_id.encode("Venue", uuid)) is None
    for spelling in (uuid.hex, f"{{{uuid}}}", uuid.urn, "0" + str(uuid)):
        assert global_id.decode("Event", base64.b64encode(f"Event:{spelling}".encode()).decode()) is None


@given(st.datetimes(timezones=st.just(UTC)), st.uuids(), st.integers(-(2**31), 2**31 - 1), st.text(max_size=50))
def test_a_cursor_comes_back_as_it_went(at: datetime, id: UUID, number: int, text: str) -> None:
    cursor = encode_cursor(at, id, number, text)
    assert decode_cursor(cursor, datetime, UUID, int, str) == (at, id, number, text)


@given(st.text(max_size=80))
def test_a_foreign_cursor_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        decode_cursor(text, datetime, UUID)


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        (int, "[2147483648]"),
        (int, "[-2147483649]"),
        (int, f"[{2**70}]"),
        (int, "[1.5]"),
        (int, "[null]"),
        (int, "[]"),
        (datetime, '["2026-01-01T00:00:00"]'),
        (datetime, '["0001-01-01T00:00:00+14:00"]'),
        (datetime, '["9999-12-31T23:59:59-14:00"]'),
        (UUID, '["urn:uuid:00000000"]'),
    ],
)
def test_a_cursor_that_no_column_can_be_compared_with_is_bad_input(type_: type, written: str) -> None:
    """What is in a cursor is a client's as well: whoever reads one can write another."""
    with pytest.raises(BadInput) as refused:
        decode_cursor(base64.urlsafe_b64encode(written.encode()).decode().rstrip("="), type_)
    assert refused.value.extensions == {"code": "BAD_USER_INPUT", "argumentPath": ["after"]}


def test_no_cursor_is_the_beginning() -> None:
    assert decode_cursor(None, UUID) is None


@pytest.mark.parametrize("first", [0, -1, 101, 10**9])
def test_a_page_has_1_to_100_rows(first: int) -> None:
    with pytest.raises(BadInput):
        page_size(first)


def test_a_connection_says_whether_there_is_more() -> None:
    page = page_of([1, 2, 3], 2, after="x")
    connection = connection_of(page, node=str, cursor=lambda row: encode_cursor(row))
    assert [edge.node for edge in connection.edges] == ["1", "2"]
    assert connection.page_info.has_next_page
    assert connection.page_info.has_previous_page
    assert connection.page_info.end_cursor == encode_cursor(2)
    assert not page_of([1], 2).has_next


def test_demo_ids_are_the_same_everywhere() -> None:
    assert demo_id("customer", "ana") == demo_id("customer", "ana") != demo_id("customer", "olivia")
    assert demo_id("customer", "ana").version == 5
