"""The message that the gateway puts on the queue for each requested reservation."""

from typing import Annotated

import msgspec

from workers.runtime.errors import PermanentFault

_MOST_UNITS = 1_000
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ReservationRequest(msgspec.Struct, frozen=True):
    reservation_id: Uuid
    customer_id: Uuid
    session_id: Uuid
    sector_id: Uuid
    quantity: Annotated[int, msgspec.Meta(ge=1, le=_MOST_UNITS)]
    seat_ids: Annotated[list[Uuid], msgspec.Meta(max_length=_MOST_UNITS)] | None
    idempotency_key: Text
    requested_at: Text
    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1


class MalformedMessage(PermanentFault):
    pass


def read_request(body: str) -> ReservationRequest:
    """Raises MalformedMessage, which says where and never what."""
    try:
        return msgspec.json.decode(body, type=ReservationRequest)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise MalformedMessage(str(exc)) from exc
