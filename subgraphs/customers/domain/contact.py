"""E-mail addresses and telephone numbers in one spelling each."""

from __future__ import annotations

import re
from typing import Final

from email_validator import EmailNotValidError, validate_email

MAX_EMAIL_LENGTH: Final = 254  # RFC 5321

_BRAZILIAN = re.compile(r"(?:\+?55)?([1-9][0-9])(9[0-9]{8}|[2-5][0-9]{7})")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{7,14}")  # E.164
_SEPARATORS = re.compile(r"[ ().-]")


def parse_email(text: str) -> str | None:
    """The address as it is written to (domain in lower case, local part as given), or None. Asks no DNS."""
    if len(text) > MAX_EMAIL_LENGTH:
        return None
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=False).normalized
    except EmailNotValidError:
        return None


def email_key(email: str) -> str:
    """What makes an address unique: nobody's mailboxes differ in case."""
    return email.strip().casefold()


def parse_phone(text: str) -> str | None:
    """E.164 (``+5511987654321``), or None. Without a country code it is Brazilian: area code and number (Anatel)."""
    if len(text) > 40:
        return None
    digits = _SEPARATORS.sub("", text.strip())
    brazilian = _BRAZILIAN.fullmatch(digits)
    if brazilian is not None:
        return "+55" + "".join(brazilian.groups())
    if digits.startswith("+55"):
        return None
    return digits if _INTERNATIONAL.fullmatch(digits) else None
