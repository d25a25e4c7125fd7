"""The rules of concessions that need no database."""

from datetime import UTC, date, datetime
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.concessions.domain.catalogue import LocalisedText, Product, ProductCategory, age_on, day_in_brasilia
from subgraphs.concessions.domain.order import (
    MAX_LINES,
    OrderItem,
    RequestedItem,
    check_items,
    same_items,
    stock_changes,
)
from subgraphs.concessions.domain.order_states import (
    LIVE,
    TRANSITIONS,
    IllegalTransition,
    OrderStatus,
    can_move,
    move,
)
from subgraphs.concessions.domain.pickup_code import ALPHABET, LENGTH, new_pickup_code

A, B, C = (UUID(int=n) for n in (1, 2, 3))

# domain.md, line by line.
DOCUMENTED = {
    ("DRAFT", "PLACED"),
    ("PLACED", "PAID"),
    ("PAID", "PREPARING"),
    ("PREPARING", "READY"),
    ("READY", "PICKED_UP"),
    ("PLACED", "EXPIRED"),
    ("PLACED", "CANCELLED"),
    ("PAID", "CANCELLED"),
    ("PAID", "REFUNDED"),
    ("READY", "REFUNDED"),
    ("PICKED_UP", "REFUNDED"),
}


def test_the_state_table_is_the_documented_one() -> None:
    assert {(current.value, wanted.value) for current, ways in TRANSITIONS.items() for wanted in ways} == DOCUMENTED


@given(st.sampled_from(OrderStatus), st.sampled_from(OrderStatus))
def test_a_move_outside_the_table_is_refused(current: OrderStatus, wanted: OrderStatus) -> None:
    if can_move(current, wanted):
        assert move(current, wanted) is wanted
    else:
        with pytest.raises(IllegalTransition):
            move(current, wanted)


def test_terminal_states_are_not_live() -> None:
    terminal = {status for status, ways in TRANSITIONS.items() if not ways}
    assert terminal == {OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.REFUNDED}
    assert not terminal & LIVE


def test_stock_is_moved_in_product_order_and_netted() -> None:
    # C is wanted as before, A less than before, B is new.
    assert stock_changes({C: 2, B: 1, A: 1}, {A: 3, C: 2}) == [(A, -2), (B, 1)]


@given(
    st.dictionaries(st.uuids(), st.integers(1, 20), max_size=6),
    st.dictionaries(st.uuids(), st.integers(1, 20), max_size=6),
)
def test_changes_lead_from_what_is_held_to_what_is_wanted(wanted: dict[UUID, int], held: dict[UUID, int]) -> None:
    changes = stock_changes(wanted, held)
    assert all(first[0] < second[0] for first, second in pairwise(changes))
    after = dict(held)
    for product, change in changes:
        after[product] = after.get(product, 0) + change
    assert {product: quantity for product, quantity in after.items() if quantity} == wanted


@pytest.mark.parametrize("quantity", [0, -1, 21, 1000])
def test_a_quantity_out_of_range_is_named_with_its_place(quantity: int) -> None:
    refused = check_items([RequestedItem(A, 1), RequestedItem(B, quantity)])
    assert refused is not None
    assert (refused.field, refused.rule) == ("items.1.quantity", "quantity_out_of_range")


def test_a_product_twice_and_too_many_lines_are_refused() -> None:
    twice = check_items([RequestedItem(A, 1), RequestedItem(A, 1)])
    assert twice is not None
    assert twice.field == "items.1.productId"
    many = check_items([RequestedItem(uuid4(), 1) for _ in range(MAX_LINES + 1)])
    assert many is not None
    assert many.rule == "too_many_lines"
    assert check_items([]) is None


def test_items_are_the_same_whatever_their_order() -> None:
    ordered = [OrderItem(A, 2, 100), OrderItem(B, 1, 50)]
    assert same_items(ordered, [RequestedItem(B, 1), RequestedItem(A, 2)])
    assert not same_items(ordered, [RequestedItem(B, 2), RequestedItem(A, 1)])


def test_pickup_codes_hold_nothing_that_is_misread() -> None:
    assert not set(ALPHABET) & set("0O1IL2Z5S8BUV")
    assert len(set(ALPHABET)) == len(ALPHABET)
    codes = {new_pickup_code() for _ in range(200)}
    assert all(len(code) == LENGTH and set(code) <= set(ALPHABET) for code in codes)
    assert len(codes) > 190


def test_ages_are_counted_in_whole_years() -> None:
    assert age_on(date(2008, 11, 25), date(2026, 11, 24)) == 17
    assert age_on(date(2008, 11, 24), date(2026, 11, 24)) == 18
    assert age_on(date(2008, 2, 29), date(2026, 2, 28)) == 17


def test_who_shows_no_age_gets_no_beer() -> None:
    beer = Product(
        A, LocalisedText("Cerveja", "Beer"), LocalisedText("", ""), ProductCategory.DRINK, None, 1200, "BRL", 18, 0
    )
    today = date(2026, 11, 24)
    assert not beer.may_be_sold_to(None, today)
    assert not beer.may_be_sold_to(date(2010, 1, 1), today)
    assert beer.may_be_sold_to(date(1990, 1, 1), today)


def test_texts_default_to_portuguese() -> None:
    text = LocalisedText("Pipoca", "Popcorn")
    assert text.in_locale("en") == "Popcorn"
    assert text.in_locale("pt-BR") == text.in_locale("fr") == "Pipoca"


def test_a_day_begins_at_midnight_in_brasilia_and_not_in_utc() -> None:
    """Who is eighteen tomorrow gets no beer at eleven tonight."""
    assert day_in_brasilia(datetime(2026, 11, 27, 2, 59, tzinfo=UTC)) == date(2026, 11, 26)
    assert day_in_brasilia(datetime(2026, 11, 27, 3, 0, tzinfo=UTC)) == date(2026, 11, 27)
