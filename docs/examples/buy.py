"""A purchase by a script: `bilhetagem status --json | python docs/examples/buy.py`.

It waits where a person would: a request is answered QUEUED at once and can be paid when it is HELD, and a paid Pix
charge is confirmed a moment later. Both are asked for as often as the answer says (`pollAfterMs`).
"""

import json
import sys
import time
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

SIGN_IN = """mutation($email: String!, $password: String!) {
  signIn(input: { email: $email, password: $password }) { accessToken errors { code message } } }"""
EVENTS = "{ events(first: 10) { edges { node { name sessions { id sectors { id name numbered available } } } } } }"
REQUEST = """mutation($session: ID!, $sector: ID!, $key: String!) {
  requestReservation(input: { sessionId: $session, sectorId: $sector, quantity: 1, idempotencyKey: $key }) {
    reservation { id pollAfterMs } errors { code message } } }"""
STATUS = "query($id: ID!) { reservation(id: $id) { status pollAfterMs tickets { code } } }"
PAY = """mutation($id: ID!, $key: String!) {
  payReservation(input: { reservationId: $id, method: PIX, idempotencyKey: $key }) {
    payment { id status pix { brCode } } errors { code message } } }"""
# What a reservation goes through before each of the two; anything else is its end.
ON_THE_WAY = {"HELD": {"QUEUED"}, "CONFIRMED": {"HELD", "AWAITING_PAYMENT"}}


class Buyer:
    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(timeout=30)

    def ask(self, document: str, **variables: Any) -> Any:
        """The value of the only field that is asked for."""
        body = self._http.post(self._url, json={"query": document, "variables": variables}).json()
        if body.get("errors"):
            sys.exit(f"The answer holds a fault: {body['errors'][0]['message']}")
        (value,) = body["data"].values()
        if isinstance(value, dict) and value.get("errors"):
            sys.exit(f"Refused: {value['errors'][0]['message']}")
        return value

    def sign_in(self, email: str, password: str) -> None:
        token = self.ask(SIGN_IN, email=email, password=password)["accessToken"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def wait_for(self, status: str, reservation_id: str) -> Any:
        while True:
            reservation = self.ask(STATUS, id=reservation_id)
            if reservation["status"] == status:
                return reservation
            if reservation["status"] not in ON_THE_WAY[status]:
                sys.exit(f"The reservation is {reservation['status']}.")
            time.sleep((reservation["pollAfterMs"] or 500) / 1000)


def main() -> None:
    platform = json.load(sys.stdin)
    buyer = Buyer(platform["gateway"])
    buyer.sign_in(**platform["demo"]["customer"])
    session, sector = next(
        (session["id"], sector["id"])
        for edge in buyer.ask(EVENTS)["edges"]
        for session in edge["node"]["sessions"]
        for sector in session["sectors"]
        if not sector["numbered"] and sector["available"]
    )
    reservation_id = buyer.ask(REQUEST, session=session, sector=sector, key=str(uuid4()))["reservation"]["id"]
    buyer.wait_for("HELD", reservation_id)
    payment = buyer.ask(PAY, id=reservation_id, key=str(uuid4()))["payment"]
    print(f"Pix: {payment['pix']['brCode']}")
    # What the buyer's bank does.
    httpx.post(f"{platform['sandbox']}/charges/{quote(payment['id'], safe='')}/pay", timeout=30).raise_for_status()
    for ticket in buyer.wait_for("CONFIRMED", reservation_id)["tickets"]:
        print(f"Ticket: {ticket['code']}")


if __name__ == "__main__":
    main()
