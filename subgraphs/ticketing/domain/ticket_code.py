"""The short code that a person can read out at the gate when the QR does not scan."""

from __future__ import annotations

import secrets
from typing import Final

# Crockford's base 32: no I, L, O, U, so that nothing is misread.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 10
MAX_WRITTEN_LENGTH: Final = 40
_DASHES: Final = "-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}_."


# What is read out or typed for what (Crockford): O is a zero, I and L are a one.
_LOOK_ALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})


def parse_ticket_code(text: str) -> str | None:
    """The code as it was issued, whatever the case, blanks and dashes; None for what is none."""
    if len(text) > MAX_WRITTEN_LENGTH:
        return None
    said = "".join(letter for letter in text if letter not in _DASHES and not letter.isspace())
    code = said.upper().translate(_LOOK_ALIKES)
    if len(code) != LENGTH or not all(letter in ALPHABET for letter in code):
        return None
    return _written(code)


def new_ticket_code() -> str:
    """50 random bits, such as ``7K3QX-9M2PD``. It identifies; it does not admit."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return _written(code)


def _written(code: str) -> str:
    return f"{code[:5]}-{code[5:]}"
