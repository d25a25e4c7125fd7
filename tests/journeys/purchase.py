"""The steps of a purchase that several journeys share."""

from typing import Any
from uuid import uuid4

from tests.journeys.front_door import Shopper, eventually

EVENTS = """query($where: EventFilter) { events(first: 50, where: $where) { edges { node { id name kind ageRating
  sessions { id startsAt venue { name city }
    sectors { id name numbered capacity price { amountMinor currency formatted } available } } } }
  pageInfo { hasNextPage endCursor } } }"""

REQUEST = """mutation($s: ID!, $x: ID!, $q: Int!, $seats: [ID!], $k: String!) {
  requestReservation(input: { sessionId: $s, sectorId: $x, quantity: $q, seatIds: $seats, idempotencyKey: $k }) {
    reservation { id status queuePosition pollAfterMs } errors { __typename code message } } }"""

STATUS = "query($r: ID!) { reservation(id: $r) { id status heldUntil total { amountMinor } units { id label } } }"

PAY = """mutation($r: ID!, $m: PaymentMethod!, $card: CardInput, $items: [ConcessionItemInput!], $k: String!) {
  payReservation(input: { reservationId: $r, method: $m, card: $card, concessions: $items, idempotencyKey: $k }) {
    payment { id status amount { amountMinor } pix { brCode qrCodeSvg expiresAt } failure { code } }
    errors { code message } } }"""


def sectors(shopper: Shopper, **where: Any) -> list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Every (event, session, sector) on sale that matches the filter."""
    found = shopper.data(EVENTS, where=where)["events"]
    return [
        (edge["node"], session, sector)
        for edge in found["edges"]
        for session in edge["node"]["sessions"]
        for sector in session["sectors"]
    ]


def request(
    shopper: Shopper,
    session_id: str,
    sector_id: str,
    quantity: int = 1,
    seat_ids: list[str] | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    payload: dict[str, Any] = shopper.data(
        REQUEST, s=session_id, x=sector_id, q=quantity, seats=seat_ids, k=key or str(uuid4())
    )["requestReservation"]
    return payload


def await_status(shopper: Shopper, reservation_id: str, *statuses: str) -> dict[str, Any]:
    """The reservation as soon as it is in one of `statuses`."""

    def arrived() -> dict[str, Any] | None:
        reservation: dict[str, Any] | None = shopper.data(STATUS, r=reservation_id)["reservation"]
        return reservation if reservation and reservation["status"] in statuses else None

    reservation: dict[str, Any] = eventually(arrived, within=120)
    return reservation


def held(shopper: Shopper, session_id: str, sector_id: str, quantity: int = 1) -> dict[str, Any]:
    """A reservation that is held."""
    payload = request(shopper, session_id, sector_id, quantity)
    assert payload["errors"] == []
    return await_status(shopper, payload["reservation"]["id"], "HELD")


def pay(
    shopper: Shopper,
    reservation_id: str,
    method: str = "PIX",
    card: dict[str, str] | None = None,
    items: list[dict[str, Any]] | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    payload: dict[str, Any] = shopper.data(
        PAY, r=reservation_id, m=method, card=card, items=items or [], k=key or str(uuid4())
    )["payReservation"]
    return payload
