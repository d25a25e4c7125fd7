"""The two languages customers are spoken to in."""

from __future__ import annotations

from enum import StrEnum


class Locale(StrEnum):
    PT_BR = "pt-BR"
    EN = "en"


def negotiate(accept_language: str | None) -> Locale:
    """The best of pt-BR and en for an ``Accept-Language`` header (RFC 9110, 12.5.4); pt-BR when it does not say."""
    best, best_quality = Locale.PT_BR, 0.0
    for part in (accept_language or "")[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        language = tag.strip().lower().split("-")[0]
        locale = {"pt": Locale.PT_BR, "en": Locale.EN}.get(language)
        if locale is not None and quality > best_quality:
            best, best_quality = locale, quality
    return best
