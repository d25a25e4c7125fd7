"""What any other service accepts as text can be paid for, and given back with any reason."""

import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.payments.domain.text import is_acceptable, one_line

from .conftest import World, raw

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

NAMES = {
    "no-break space": ("São\u00a0Paulo × Santos", "São Paulo × Santos"),
    "family of emoji": ("Show \U0001f468‍\U0001f469‍\U0001f467", "Show \U0001f468‍\U0001f469‍\U0001f467"),
    "lines and tabs": ("Final\r\ndo\tcampeonato\n", "Final do campeonato"),
    "direction marks": ("\u202eFinal\u202c \u2066A\u2069", "Final A"),
    "decomposed accents": ("Sa\u0303o Joa\u0303o", "São João"),
    "half a pair": ("Final \ud83d", "Final"),
    "line separator": ("Final\u2028B\u0085C", "Final B C"),
    "nothing visible": ("\u200b \u00a0", None),
    "long": ("á" * 1_000, "á" * 140),
    "long, cut within a family": ("x" * 138 + "\U0001f468‍\U0001f469", "x" * 138 + "\U0001f468"),
}


@pytest.mark.parametrize("kind", list(NAMES))
async def test_any_name_can_be_paid_for(world: World, payer: UUID, kind: str) -> None:
    text, expected = NAMES[kind]
    by_pix = await world.created(payer, description=text, payerName=text)
    charge = (await world.sandbox.get(f"/charges/{raw(by_pix['id'])}")).json()
    assert charge["description"] == expected
    by_card = await world.by_card(payer, description=text, payerName=text)
    assert (by_card["errors"], by_card["payment"]["status"]) == ([], "SUCCEEDED")
    refund = await world.refund(by_card["payment"]["id"], reason=f"x{text[:900]}")
    assert refund["errors"] == []
    await world.until("REFUNDED", by_card["payment"]["id"], payer)


@given(st.text(), st.integers(1, 50))
def test_one_line_is_what_companies_take(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert len(line) <= longest
    assert line == line.strip()
    line.encode()
    assert not {unicodedata.category(one) for one in line} & {"Cc", "Zl", "Zp", "Cs"}
    assert one_line(line, longest) == line


@pytest.mark.parametrize(("text", "acceptable"), [("", True), ("x" * 1_000, True), ("x" * 1_001, False), ("\0", False)])
def test_only_what_no_database_stores_is_refused(text: str, acceptable: bool) -> None:
    assert is_acceptable(text) is acceptable
