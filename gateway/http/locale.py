"""The language of an answer: one of those that are served, whatever a client writes (RFC 9110, 12.5.4).

What is forwarded is never the client's own text: it goes into keys (equal queries in flight, connections of
subscriptions), which would then be as many as the client likes.
"""

from functools import lru_cache
from typing import Final

DEFAULT: Final = "pt-BR"
_SERVED: Final = {"pt": DEFAULT, "en": "en"}
_LONGEST: Final = 500
_SHORT: Final = 100


def locale_headers(accept_language: str | None) -> dict[str, str]:
    """The header that is forwarded; none for a client that does not say."""
    if accept_language is None:
        return {}
    # Long ones are read each time: the cache is for what browsers send, and is to stay small.
    choose = _choose_short if len(accept_language) <= _SHORT else choose_locale
    return {"Accept-Language": choose(accept_language)}


def choose_locale(accept_language: str) -> str:
    """The best of pt-BR and en, the first among equals; pt-BR for a client that wants neither."""
    best, best_quality = DEFAULT, 0.0
    for part in accept_language[:_LONGEST].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        locale = _SERVED.get(tag.strip().lower().split("-")[0])
        if locale is not None and quality > best_quality:
            best, best_quality = locale, quality
    return best


_choose_short = lru_cache(maxsize=256)(choose_locale)
