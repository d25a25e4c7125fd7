"""Which passwords are taken (NIST SP 800-63B, 5.1.1.2: length and a deny list, no composition rules)."""

from __future__ import annotations

from typing import Final

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 128
MIN_DISTINCT: Final = 5

_COMMON: Final = frozenset(
    {
        "12345678", "123456789", "1234567890", "password", "password1", "password123", "qwertyuiop", "qwerty123",
        "1q2w3e4r", "1q2w3e4r5t", "iloveyou", "sunshine", "princess", "football", "baseball", "superman", "trustno1",
        "senha123", "senha1234", "senha12345", "minhasenha", "mudar123", "brasil123", "flamengo", "corinthians",
        "palmeiras", "saopaulo", "vasco123", "bilhetagem", "abcd1234", "abc12345", "12341234", "87654321", "admin123",
    }
)  # fmt: skip


def is_strong_enough(password: str, email: str) -> bool:
    """8 to 128 characters, at least five different ones, not a common password and not made of the address."""
    lowered = password.lower()
    local_part = email.partition("@")[0].lower()
    return (
        MIN_LENGTH <= len(password) <= MAX_LENGTH
        and len(set(lowered)) >= MIN_DISTINCT
        and lowered not in _COMMON
        and not (len(local_part) >= 4 and local_part in lowered)
    )
