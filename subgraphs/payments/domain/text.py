"""Texts of other people, as payment companies take them."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 1_000
"""Characters that are accepted; what is handed on is shorter."""

_JOINERS: Final = "\u200c\u200d"
"""Without them families and flags of emoji fall apart, and some scripts cannot be written."""


def is_acceptable(text: str) -> bool:
    """Any text but one that no database stores, or that nobody wrote by hand."""
    return len(text) <= LONGEST and "\0" not in text


def one_line(text: str, longest: int) -> str:
    """NFC; white space and controls become single blanks; marks that only steer a layout, and halves of surrogate
    pairs, are left out; at most ``longest`` characters. May be empty.
    """
    shown = "".join(map(_shown, unicodedata.normalize("NFC", text)))
    return " ".join(shown.split())[:longest].rstrip(f" {_JOINERS}")


def _shown(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case "Cf" if character not in _JOINERS:
            return ""
        case "Cs":
            return ""
    return character
