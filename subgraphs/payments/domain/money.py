"""Money in integer minor units, and the decimal text that the Pix API speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Ten digits before the point: `valor.original` of the Pix API v2.
_DECIMAL_TEXT: Final = re.compile(r"[0-9]{1,10}\.[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Money:
    """``amount_minor`` in the currency's minor unit (centavos for BRL)."""

    amount_minor: int
    currency: str = "BRL"


def to_decimal_text(amount_minor: int) -> str:
    """``1050`` → ``"10.50"``. Raises ``ValueError`` for a negative amount."""
    if amount_minor < 0:
        raise ValueError("An amount of money to transfer is not negative.")
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def from_decimal_text(text: str) -> int:
    """``"10.50"`` → ``1050``. Raises ``ValueError`` for anything but digits, a point and two digits."""
    if _DECIMAL_TEXT.fullmatch(text) is None:
        raise ValueError("Not an amount with two decimals.")
    return int(text.replace(".", ""))
