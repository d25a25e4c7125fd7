"""A customer, and what a registration has to be."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from subgraphs.customers.domain.contact import parse_email, parse_phone
from subgraphs.customers.domain.cpf import parse_cpf
from subgraphs.customers.domain.password import is_strong_enough
from subgraphs.customers.errors import Reason, Refused

MAX_NAME_LENGTH: Final = 120
OLDEST_AGE: Final = 120
HOME_TIME_ZONE: Final = ZoneInfo("America/Sao_Paulo")


class Purpose(StrEnum):
    """What a customer may consent to (LGPD, art. 7 I)."""

    MARKETING = "MARKETING"
    PERSONALISATION = "PERSONALISATION"


@dataclass(frozen=True, slots=True)
class Preferences:
    """``locale`` is ``pt-BR`` or ``en``. Transactional mail is sent whatever ``email_enabled`` says."""

    locale: str = "pt-BR"
    email_enabled: bool = True
    sms_enabled: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    purpose: Purpose
    granted: bool
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """``sealed_cpf`` is opened only to show it masked to its owner, or for the profile that our own services ask."""

    id: UUID
    name: str
    email: str
    sealed_cpf: bytes
    birth_date: date
    phone: str | None
    preferences: Preferences
    scopes: frozenset[str]
    created_at: datetime

    def __repr__(self) -> str:
        # A customer in a traceback or a log is an id.
        return f"Customer({self.id})"


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration in which every value is valid and in its one spelling."""

    name: str
    email: str
    cpf: str
    birth_date: date
    phone: str | None

    def __repr__(self) -> str:
        return "Registration(…)"


def check_registration(
    *, name: str, email: str, password: str, birth_date: date, cpf: str, phone: str | None, now: datetime
) -> Registration | list[Refused]:
    """The registration, or everything that is wrong with it at once."""
    today = now.astimezone(HOME_TIME_ZONE).date()
    clean_name = parse_name(name)
    address = parse_email(email)
    digits = parse_cpf(cpf)
    number = parse_phone(phone) if phone else None
    problems = [
        Refused(reason, field)
        for wrong, reason, field in (
            (clean_name is None, Reason.INVALID_INPUT, "name"),
            (address is None, Reason.INVALID_INPUT, "email"),
            (not is_strong_enough(password, email), Reason.WEAK_PASSWORD, "password"),
            (not _is_plausible(birth_date, today), Reason.INVALID_INPUT, "birthDate"),
            (digits is None, Reason.INVALID_INPUT, "cpf"),
            (bool(phone) and number is None, Reason.INVALID_INPUT, "phone"),
        )
        if wrong
    ]
    if problems or clean_name is None or address is None or digits is None:
        return problems
    return Registration(clean_name, address, digits, birth_date, number)


def _is_plausible(birth_date: date, today: date) -> bool:
    """Whoever registers was born before today, and at most 120 years ago: more is a slip of the finger."""
    earliest = (today.year - OLDEST_AGE, today.month, today.day)
    return earliest <= (birth_date.year, birth_date.month, birth_date.day) and birth_date < today


def parse_name(text: str) -> str | None:
    """The name with single spaces, or None: 2 to 120 characters, one letter at least, nothing invisible."""
    if len(text) > MAX_NAME_LENGTH * 2:
        return None
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 2 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable() or not any(map(str.isalpha, name)):
        return None
    return name
