"""Which media type a client wants its answer in (GraphQL over HTTP draft, section "Accept"; RFC 9110, 12.5.1)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

Answer = Literal["json", "graphql", "events", "html"]

CONTENT_TYPES: Final = {
    "json": b"application/json; charset=utf-8",
    "graphql": b"application/graphql-response+json; charset=utf-8",
    "events": b"text/event-stream; charset=utf-8",
    "html": b"text/html; charset=utf-8",
}
_OFFERED: Final[dict[str, Answer]] = {
    "application/graphql-response+json": "graphql",
    "application/json": "json",
    "text/event-stream": "events",
    "text/html": "html",
}
_LONGEST: Final = 1_000
_REMEMBERED: Final = 200
# What clients add to `multipart/mixed` to say which format of parts they read; it is repeated to them.
_PARTS_PARAMETERS: Final = frozenset({"deferSpec=20220824", "incrementalSpec=v0.2", "incrementalDeliverySpec=3283f8a"})


@dataclass(frozen=True, slots=True)
class PartsWanted:
    """A client takes an answer in parts; `parameter` names the format, where it does."""

    parameter: str | None = None


def choose_answer(accept: str | None, html: bool) -> Answer | None:
    """The offered type with the highest quality, the first named among equals; None when none is acceptable.

    Without a preference it is application/json, as the draft asks for until clients have moved on. `html` tells
    whether a page is on offer.
    """
    # What programs and browsers send is remembered; longer texts are as many as somebody likes.
    choose = _choose_answer if accept is None or len(accept) <= _REMEMBERED else _choose_answer.__wrapped__
    return choose(accept, html)


@lru_cache(maxsize=256)
def _choose_answer(accept: str | None, html: bool) -> Answer | None:
    if accept is None or not accept.strip():
        return "json"
    best: tuple[float, Answer] | None = None
    refused: set[Answer] = set()
    for media, quality, _ in _read_ranges(accept):
        answer = _match(media, html)
        if answer is None:
            continue
        if quality == 0:
            refused.add(answer)
        elif best is None or quality > best[0]:
            best = quality, answer
    return best[1] if best is not None and best[1] not in refused else None


def choose_parts(accept: str) -> PartsWanted | None:
    """Whether answers that can come in parts may: the client takes them, and likes nothing else better."""
    return (_choose_parts if len(accept) <= _REMEMBERED else _choose_parts.__wrapped__)(accept)


@lru_cache(maxsize=256)
def _choose_parts(accept: str) -> PartsWanted | None:
    wanted: tuple[float, PartsWanted] | None = None
    others = 0.0
    for media, quality, parameters in _read_ranges(accept):
        if media == "multipart/mixed" and quality > 0:
            known = next((text for text in parameters if text in _PARTS_PARAMETERS), None)
            if wanted is None or quality > wanted[0]:
                wanted = quality, PartsWanted(known)
        elif _match(media, html=False) is not None:
            others = max(others, quality)
    return wanted[1] if wanted is not None and wanted[0] >= others else None


def _read_ranges(accept: str) -> list[tuple[str, float, list[str]]]:
    return [_read_range(part) for part in accept[:_LONGEST].split(",")]


def _read_range(part: str) -> tuple[str, float, list[str]]:
    media, *parameters = part.split(";")
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
        elif name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            quality = 0.0
    return media.strip().lower(), quality, [text.strip().replace('"', "") for text in parameters]


def _match(media: str, html: bool) -> Answer | None:
    if media in {"*/*", "application/*"}:
        return "json"
    if media == "text/*":
        return "events"
    answer = _OFFERED.get(media)
    return None if answer == "html" and not html else answer
