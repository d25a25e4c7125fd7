"""`suggestions`: what this customer may want as well, from whatever can be asked in time.

History and events come from ticketing, products from concessions, all at once. A source that stays away after its
retries is gone without; when nothing is known, or the suggestions service is away, the defaults are served. In each of
these cases the answer says so in `extensions.degraded`.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from graphql import GraphQLError

from gateway.experience.context import Context
from gateway.experience.default_suggestions import describe_defaults
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import decode, encode
from gateway.experience.loaders import Question
from gateway.experience.resolvers.read_suggestion import read_suggestion
from gateway.experience.types import Suggestion, SuggestionReason

MOST: Final = 20
DEFAULT_FIRST: Final = 3
_CANDIDATES: Final = 50

_HISTORY: Final = Question(
    "ticketing", "query History { purchaseHistory(first: 50) { event { id } quantity purchasedAt } }"
)
_EVENTS: Final = Question("ticketing", "query Events { events(first: 30) { edges { node { id } } } }")
_PRODUCTS: Final = """query Products($where: ProductFilter) {
  products(first: 50, where: $where) { edges { node { id } } } }"""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the suggestions are for. Ids are raw; all None outside a reservation."""

    reservation_id: UUID | None = None
    event_id: UUID | None = None
    event_kind: str | None = None
    venue_id: UUID | None = None


async def suggest_for_reservation(
    context: Context, path: list[str | int], global_id: str, first: int
) -> list[Suggestion]:
    """Nothing for a reservation that is not this customer's."""
    _check(first)
    reservation_id = decode("Reservation", global_id)
    if context.customer_id is None or reservation_id is None:
        return []
    try:
        known = await context.loaders.settings.load(global_id)
    except SourceUnavailable as exc:
        context.degrade(path, exc.source, exc.reason)
        return await _suggest(context, path, first, Occasion(reservation_id))
    if known is None:
        return []
    session = known.get("session") or {}
    event, venue = session.get("event") or {}, session.get("venue") or {}
    occasion = Occasion(
        reservation_id, decode("Event", event.get("id", "")), event.get("kind"), decode("Venue", venue.get("id", ""))
    )
    return await _suggest(context, path, first, occasion)


async def suggest_for_customer(context: Context, path: list[str | int], first: int) -> list[Suggestion]:
    _check(first)
    return await _suggest(context, path, first, Occasion())


def _check(first: int) -> None:
    if not 1 <= first <= MOST:
        raise GraphQLError(f"first must be from 1 to {MOST}.", extensions={"code": "BAD_USER_INPUT"})


async def _suggest(context: Context, path: list[str | int], first: int, occasion: Occasion) -> list[Suggestion]:
    venue = encode("Venue", occasion.venue_id) if occasion.venue_id else None
    history, events, products = await asyncio.gather(
        _or_without(context, path, _HISTORY),
        _or_without(context, path, _EVENTS),
        _or_without(context, path, Question("concessions", _PRODUCTS, venue)),
    )
    candidates = [
        *_candidates("PRODUCT", "Product", (products or {}).get("products")),
        *(
            candidate
            for candidate in _candidates("EVENT", "Event", (events or {}).get("events"))
            if candidate["id"] != str(occasion.event_id)
        ),
    ]
    if not candidates:
        return await _defaults(context, path, first)
    wanted = {
        "first": first,
        "context": {
            "reservationId": _text(occasion.reservation_id),
            "eventId": _text(occasion.event_id),
            "eventKind": occasion.event_kind,
            "venueId": _text(occasion.venue_id),
        },
        "history": _purchases((history or {}).get("purchaseHistory")),
        "candidates": candidates,
    }
    try:
        described = await context.loaders.suggested.load(msgspec.json.encode(wanted))
        suggested = [read_suggestion(one) for one in described][:first]
        if any(one.reason is SuggestionReason.DEFAULT for one in suggested):
            # The service has nothing of its own to say, and serves defaults instead: told as ours are.
            context.degrade(path, "suggestions", "default")
        return suggested
    except (SourceUnavailable, SourceRefused) as exc:
        reason = exc.reason if isinstance(exc, SourceUnavailable) else "refused"
        context.degrade(path, exc.source, reason)
        return await _defaults(context, path, first)


async def _or_without(context: Context, path: list[str | int], question: Question) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = await context.loaders.answers.load(question)
        return known
    except (SourceUnavailable, SourceRefused) as exc:
        reason = exc.reason if isinstance(exc, SourceUnavailable) else "refused"
        context.degrade(path, exc.source, reason)
        return None


def _candidates(kind: str, typename: str, connection: Any) -> list[dict[str, str]]:
    edges = connection["edges"] if connection else []
    ids = (decode(typename, edge["node"]["id"]) for edge in edges)
    return [{"type": kind, "id": str(uuid)} for uuid in ids if uuid is not None][:_CANDIDATES]


def _purchases(history: Any) -> list[dict[str, Any]]:
    found = []
    for purchase in history or []:
        event_id = decode("Event", (purchase.get("event") or {}).get("id", ""))
        if event_id is not None:
            found.append(
                {
                    "type": "EVENT",
                    "id": str(event_id),
                    "quantity": purchase["quantity"],
                    "at": purchase["purchasedAt"],
                }
            )
    return found


async def _defaults(context: Context, path: list[str | int], first: int) -> list[Suggestion]:
    defaults = context.adapters.defaults
    try:
        items = await defaults.stored()
    except LookupError as exc:
        raise GraphQLError("Suggestions cannot be made now.", extensions={"code": "SERVICE_UNAVAILABLE"}) from exc
    context.degrade(path, defaults.source, "served_instead")
    return [read_suggestion(one) for one in describe_defaults(items, context.customer_id, first)]


def _text(uuid: UUID | None) -> str | None:
    return None if uuid is None else str(uuid)
