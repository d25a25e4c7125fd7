"""How many requests are served until one is, itself included: ticketing counts it, for everybody by one formula."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable

# Who has just asked for a reservation waits no longer to hear a number that is an estimate.
_PATIENCE_SECONDS: Final = 0.3

_POSITION: Final = """query Position($session: ID!, $sector: ID!, $sequence: String!) {
  queuePosition(sessionId: $session, sectorId: $sector, sequence: $sequence) }"""


@dataclass(frozen=True, slots=True)
class PlaceInLine:
    """`sequence` is the queue's own number, which only compares within one sector of one session."""

    session_id: UUID
    sector_id: UUID
    sequence: int


async def position_of(context: Context, place: PlaceInLine) -> int | None:
    """None when ticketing does not say so in time: the request stands in line all the same."""
    variables = {"session": str(place.session_id), "sector": str(place.sector_id), "sequence": str(place.sequence)}
    try:
        answer = await context.adapters.services.ticketing.ask(context, _POSITION, variables, within=_PATIENCE_SECONDS)
    except (SourceUnavailable, SourceRefused):
        return None
    position: int | None = answer["queuePosition"]
    return position
