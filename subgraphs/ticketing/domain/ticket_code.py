"""The short code that a person can read out at the gate when the QR does not scan."""

from __future__ import annotations

import secrets
from typing import Final

# Crockford's base 32: no I, L, O, U, so that nothing is misread.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 10


def new_ticket_code() -> str:
    """50 random bits, such as ``7K3QX-9M2PD``. It identifies; it does not admit."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{code[:5]}-{code[5:]}"
