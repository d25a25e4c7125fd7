"""The rules that need no database: states, BR Codes, amounts."""

from datetime import UTC, datetime
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.payments.domain import br_code
from subgraphs.payments.domain.money import from_decimal_text, to_decimal_text
from subgraphs.payments.domain.refunds import Refund, RefundStatus, refund_steps_towards, refundable_minor
from subgraphs.payments.domain.states import (
    CAPTURED,
    REPORTABLE,
    IllegalTransition,
    PaymentStatus,
    check_step,
    steps_towards,
)

VECTOR = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***6304"
)


# From wherever to whatever is reported: only steps of the table, and never away from money received.
@pytest.mark.parametrize(("current", "reported"), list(product(PaymentStatus, sorted(REPORTABLE))))
def test_reports_lead_only_along_the_table(current: PaymentStatus, reported: PaymentStatus) -> None:
    steps = steps_towards(current, reported)
    for before, after in zip((current, *steps), steps, strict=False):
        check_step(before, after)
    if current in CAPTURED:
        assert steps == ()
    elif reported is PaymentStatus.SUCCEEDED:
        assert steps[-1] is PaymentStatus.SUCCEEDED
    # Told again, it changes nothing more.
    assert steps_towards(steps[-1] if steps else current, reported) == ()


@pytest.mark.parametrize("reported", sorted(set(PaymentStatus) - REPORTABLE))
def test_what_no_gateway_reports_is_a_fault(reported: PaymentStatus) -> None:
    with pytest.raises(ValueError, match="No gateway reports"):
        steps_towards(PaymentStatus.PROCESSING, reported)


def test_a_step_that_the_table_lacks_is_a_fault() -> None:
    with pytest.raises(IllegalTransition):
        check_step(PaymentStatus.SUCCEEDED, PaymentStatus.FAILED)


@pytest.mark.parametrize("reported", list(RefundStatus))
def test_a_refund_paid_back_stays_so(reported: RefundStatus) -> None:
    assert refund_steps_towards(RefundStatus.SUCCEEDED, reported) == ()


@given(st.lists(st.tuples(st.integers(1, 100), st.sampled_from(RefundStatus))))
def test_only_failed_refunds_free_their_amount(made: list[tuple[int, RefundStatus]]) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    refunds = [Refund(uuid4(), uuid4(), amount, "r", status, 1, now) for amount, status in made]
    kept = sum(amount for amount, status in made if status is not RefundStatus.FAILED)
    assert refundable_minor(10_000, refunds) == 10_000 - kept


def test_the_central_banks_example_has_its_checksum() -> None:
    assert br_code.crc16(VECTOR) == "1D3D"
    tags = br_code.parse(VECTOR + "1D3D")
    assert (tags["59"], tags["60"], br_code.charged_minor(tags)) == ("Fulano de Tal", "BRASILIA", None)


@given(st.integers(1, 99_999_999), st.text(min_size=1), st.text(min_size=1))
def test_a_code_that_is_built_can_be_read(amount: int, name: str, city: str) -> None:
    try:
        code = br_code.build(
            location="pix.example/qr/v2/1", merchant_name=name, merchant_city=city, amount_minor=amount
        )
    except br_code.InvalidBrCode:
        return  # nothing of the name is left in ASCII
    assert br_code.charged_minor(br_code.parse(code)) == amount


@given(st.data())
def test_a_code_with_a_changed_character_is_refused(data: st.DataObject) -> None:
    code = br_code.build(location="pix.example/1", merchant_name="B", merchant_city="SP", amount_minor=1_234)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda one: one != code[place]))
    with pytest.raises(br_code.InvalidBrCode):
        br_code.parse(code[:place] + other + code[place + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(br_code.InvalidBrCode):
        br_code.parse(text)


@given(st.integers(0, 999_999_999_999))
def test_amounts_survive_the_way_through_text(amount: int) -> None:
    assert from_decimal_text(to_decimal_text(amount)) == amount


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.000", "-1.00", "1,00", " 1.00", "1.00\n", "١.٠٠", "1e3.00"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two decimals"):
        from_decimal_text(text)
