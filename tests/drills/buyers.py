"""Buyers at the front door, many at once."""

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

# For a broken platform: nothing is measured by it.
PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.25

REQUEST = """mutation($s: ID!, $x: ID!, $k: String!) {
  requestReservation(input: { sessionId: $s, sectorId: $x, quantity: 1, idempotencyKey: $k }) {
    reservation { id status } errors { code message } } }"""
STATUS = "query($r: ID!) { reservation(id: $r) { status payment { id status } tickets { code status } } }"
PAY = """mutation($r: ID!, $m: PaymentMethod!, $c: CardInput, $k: String!) {
  payReservation(input: { reservationId: $r, method: $m, card: $c, idempotencyKey: $k }) {
    payment { id status } errors { code message } } }"""
CANCEL = """mutation($r: ID!, $k: String!) { cancelReservation(input: { reservationId: $r, idempotencyKey: $k }) {
  reservation { status } errors { code message } } }"""


class Unanswered(Exception):
    """The platform did not answer, or not with data: what a client may see while a part of it is away."""


def global_id(typename: str, raw: UUID) -> str:
    return base64.b64encode(f"{typename}:{raw}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Gateway:
    url: str
    sandbox: str
    http: httpx.AsyncClient

    async def ask(self, document: str, variables: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """The whole response. Raises Unanswered when there is none."""
        headers = {"Accept": "application/graphql-response+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = await self.http.post(
                self.url, json={"query": document, "variables": variables}, headers=headers, timeout=30
            )
            body: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as exc:
            raise Unanswered(type(exc).__name__) from exc
        return body

    async def data(self, document: str, variables: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """`data` of a response without errors. Raises Unanswered for any other."""
        body = await self.ask(document, variables, token)
        if body.get("errors") or not body.get("data"):
            codes = [(error.get("extensions") or {}).get("code") for error in body.get("errors", [])]
            raise Unanswered(f"errors {codes}")
        data: dict[str, Any] = body["data"]
        return data

    async def press_pay(self, payment_id: str) -> None:
        """In the sandbox bank. Raises Unanswered while it is away."""
        try:
            answer = await self.http.post(f"{self.sandbox}/charges/{quote(payment_id, safe='')}/pay", timeout=30)
        except httpx.HTTPError as exc:
            raise Unanswered(type(exc).__name__) from exc
        if not answer.is_success:
            raise Unanswered(f"the bank answered {answer.status_code}")


@dataclass(frozen=True, slots=True)
class Buyer:
    gateway: Gateway
    token: str

    async def request(self, session: str, sector: str, key: str | None = None) -> str:
        """The reservation's id. Raises Unanswered."""
        variables = {"s": session, "x": sector, "k": key or str(uuid4())}
        payload = (await self.gateway.data(REQUEST, variables, self.token))["requestReservation"]
        if payload["errors"]:
            raise Unanswered(f"refused: {payload['errors'][0]['code']}")
        reservation_id: str = payload["reservation"]["id"]
        return reservation_id

    async def reservation(self, reservation_id: str) -> dict[str, Any]:
        found: dict[str, Any] | None = (await self.gateway.data(STATUS, {"r": reservation_id}, self.token))[
            "reservation"
        ]
        if found is None:
            raise Unanswered("the reservation is not there")
        return found

    async def until(self, reservation_id: str, *statuses: str) -> dict[str, Any]:
        """The reservation as soon as it is in one of `statuses`, whatever is away meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen = "nothing"
        while time.monotonic() < deadline:
            try:
                found = await self.reservation(reservation_id)
            except Unanswered as exc:
                seen = str(exc)
            else:
                seen = found["status"]
                if seen in statuses:
                    return found
            await asyncio.sleep(_POLL_SECONDS)
        raise AssertionError(f"{reservation_id} is {seen} after {PATIENCE_SECONDS:.0f} s, not {' or '.join(statuses)}")

    async def pay(self, reservation_id: str, method: str = "PIX", key: str | None = None) -> dict[str, Any]:
        """The payload of `payReservation`. Raises Unanswered."""
        card = {"paymentMethodId": "pm_card_visa"} if method == "CARD" else None
        variables = {"r": reservation_id, "m": method, "c": card, "k": key or str(uuid4())}
        payload: dict[str, Any] = (await self.gateway.data(PAY, variables, self.token))["payReservation"]
        return payload

    async def cancel(self, reservation_id: str) -> dict[str, Any]:
        variables = {"r": reservation_id, "k": str(uuid4())}
        payload: dict[str, Any] = (await self.gateway.data(CANCEL, variables, self.token))["cancelReservation"]
        return payload

    async def buy(self, session: str, sector: str, method: str = "PIX") -> str:
        """A whole purchase, each step repeated until it is answered: the id of the confirmed reservation.

        Raises AssertionError for any other end. Repeats carry the same keys, as a client's should.
        """
        request_key, pay_key = str(uuid4()), str(uuid4())
        reservation_id: str = await persist(lambda: self.request(session, sector, request_key))
        await self.until(reservation_id, "HELD")
        await persist(lambda: self._paid(reservation_id, method, pay_key))
        await self.until(reservation_id, "CONFIRMED")
        return reservation_id

    async def _paid(self, reservation_id: str, method: str, key: str) -> None:
        payload = await self.pay(reservation_id, method, key)
        codes = [error["code"] for error in payload["errors"]]
        if "SERVICE_UNAVAILABLE" in codes:
            raise Unanswered("payments are away")
        if codes:
            raise AssertionError(f"{reservation_id} cannot be paid: {payload['errors']}")
        if method == "PIX":
            await self.gateway.press_pay(payload["payment"]["id"])


async def persist(step: Any) -> Any:
    """The result of a step, tried again while it is Unanswered."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await step()
        except Unanswered as exc:
            if time.monotonic() > deadline:
                raise AssertionError(f"not answered within {PATIENCE_SECONDS:.0f} s: {exc}") from exc
            await asyncio.sleep(_POLL_SECONDS)
