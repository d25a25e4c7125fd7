"""CPF, the Brazilian taxpayer number: eleven digits, the last two of which check the others."""

from __future__ import annotations

import re
from typing import Final

_WRITTEN: Final = re.compile(r"([0-9]{3})\.?([0-9]{3})\.?([0-9]{3})-?([0-9]{2})")


def parse_cpf(text: str) -> str | None:
    """The eleven digits, or None. Takes ``52998224725`` and ``529.982.247-25``; repeated digits are refused.

    The check digits (Receita Federal, modulo 11) hold for 111.111.111-11 and its like, which are not issued.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    digits = "".join(match.groups())
    if len(set(digits)) == 1 or digits != complete_cpf(digits[:9]):
        return None
    return digits


def complete_cpf(nine_digits: str) -> str:
    """The CPF that begins with these nine digits."""
    digits = nine_digits
    for length in (9, 10):
        weighted = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=True))
        digits += str(weighted * 10 % 11 % 10)
    return digits


def mask_cpf(digits: str) -> str:
    """``***.982.247-**``: enough to recognise one's own, as public bodies show it."""
    return f"***.{digits[3:6]}.{digits[6:9]}-**"
