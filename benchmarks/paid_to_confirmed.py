"""How long it takes from the bank's having the money to the buyer's having the tickets, many at once.

bilhetagem up --fresh --home /tmp/drill --port 8100
python -m benchmarks.paid_to_confirmed --home /tmp/drill [--buyers 40] [--at-once 24]
"""

import argparse
import asyncio
import itertools
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from infra.local.home import Home

_SECTORS = """{ events(first: 50) { edges { node { sessions { id sectors { id numbered available } } } } } }"""
_SIGN_IN = """mutation($e: String!, $p: String!) {
  signIn(input: { email: $e, password: $p }) { accessToken errors { message } } }"""
_REQUEST = """mutation($s: ID!, $x: ID!, $k: String!) {
  requestReservation(input: { sessionId: $s, sectorId: $x, quantity: 1, idempotencyKey: $k }) {
    reservation { id } errors { message } } }"""
_PAY = """mutation($r: ID!, $k: String!) {
  payReservation(input: { reservationId: $r, method: PIX, idempotencyKey: $k }) {
    payment { id status } errors { code message } } }"""
_STATES = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Reservation { id status } } }"""
_POLL_SECONDS = 0.25
_PATIENCE_SECONDS = 300.0
_PAY_ATTEMPTS = 5


@dataclass
class Drill:
    client: httpx.AsyncClient
    gateway: str
    sandbox: str
    token: str = ""
    # Reservations that somebody waits for, by the state that is waited for.
    waiting: dict[str, tuple[str, asyncio.Future[float]]] = field(default_factory=dict)

    async def ask(self, document: str, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = await self.client.post(self.gateway, json={"query": document, "variables": variables}, headers=headers)
        body = answer.json()
        if "errors" in body:
            raise RuntimeError(str(body["errors"])[:300])
        return body["data"]

    async def watch(self) -> None:
        """One question for all who wait, so that the waiting itself costs little."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            ids = list(self.waiting)[:50]
            if not ids:
                continue
            try:
                nodes = (await self.ask(_STATES, ids=ids))["nodes"]
            except (httpx.HTTPError, RuntimeError) as exc:
                print(f"could not be asked: {str(exc)[:120]}", file=sys.stderr)
                continue
            for node in filter(None, nodes):
                wanted, arrived = self.waiting[node["id"]]
                if node["status"] == wanted:
                    del self.waiting[node["id"]]
                    arrived.set_result(time.perf_counter())

    async def reached(self, reservation: str, status: str) -> float:
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[reservation] = (status, arrived)
        return await asyncio.wait_for(arrived, _PATIENCE_SECONDS)

    async def buy(self, session: str, sector: str) -> float:
        """Seconds from paid to confirmed."""
        asked = (await self.ask(_REQUEST, s=session, x=sector, k=str(uuid4())))["requestReservation"]
        reservation = asked["reservation"]["id"]
        await self.reached(reservation, "HELD")
        payment = await self.pay(reservation)
        paid = await self.client.post(f"{self.sandbox}/charges/{payment}/pay")
        paid.raise_for_status()
        began = time.perf_counter()
        return await self.reached(reservation, "CONFIRMED") - began

    async def pay(self, reservation: str) -> str:
        """The payment's id. A busy platform may refuse; the same key is tried again, as a frontend does."""
        key = str(uuid4())
        for _ in range(_PAY_ATTEMPTS):
            answer = (await self.ask(_PAY, r=reservation, k=key))["payReservation"]
            if not answer["errors"]:
                payment: str = answer["payment"]["id"]
                return payment
            if {error["code"] for error in answer["errors"]} != {"SERVICE_UNAVAILABLE"}:
                break
            await asyncio.sleep(1)
        raise RuntimeError(str(answer["errors"]))


async def _run(home: Path, buyers: int, at_once: int) -> list[float]:
    status = Home(home).record().status
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=200)) as client:
        drill = Drill(client, status["gateway"], status["sandbox"])
        account = status["demo"]["customer"]
        signed_in = await drill.ask(_SIGN_IN, e=account["email"], p=account["password"])
        drill.token = signed_in["signIn"]["accessToken"]
        sectors = [
            (session["id"], sector["id"])
            for edge in (await drill.ask(_SECTORS))["events"]["edges"]
            for session in edge["node"]["sessions"]
            for sector in session["sectors"]
            if not sector["numbered"] and sector["available"] > buyers
        ]
        slots, turns = asyncio.Semaphore(at_once), itertools.cycle(sectors)

        async def one() -> float:
            async with slots:
                return await drill.buy(*next(turns))

        watching = asyncio.create_task(drill.watch())
        try:
            return await asyncio.gather(*(one() for _ in range(buyers)))
        finally:
            watching.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--buyers", type=int, default=40)
    parser.add_argument("--at-once", type=int, default=24)
    given = parser.parse_args()
    taken = sorted(asyncio.run(_run(given.home, given.buyers, given.at_once)))
    p99 = taken[min(len(taken) - 1, int(len(taken) * 0.99))]
    print(f"{len(taken)} buyers, {given.at_once} at once, paid to confirmed:")
    print(f"median {taken[len(taken) // 2]:.1f} s · p90 {taken[int(len(taken) * 0.9)]:.1f} s · p99 {p99:.1f} s")
    print("all: " + " ".join(f"{seconds:.1f}" for seconds in taken))
    return 0 if p99 <= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
