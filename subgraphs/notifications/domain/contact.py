"""How a customer can be reached: this service's own copy of what customers publishes."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Language(StrEnum):
    """BCP 47 tags of the languages we write in."""

    PT_BR = "pt-BR"
    EN = "en"


def language_of(tag: str) -> Language:
    """``EN``, ``en`` and ``en-GB`` are English; whatever else is Portuguese, the default."""
    return Language.EN if tag.lower().startswith("en") else Language.PT_BR


@dataclass(frozen=True, slots=True)
class Contact:
    """``phone`` is E.164 (``+5511…``) or None."""

    customer_id: UUID
    name: str
    email: str
    phone: str | None
    language: Language
    email_enabled: bool
    sms_enabled: bool
