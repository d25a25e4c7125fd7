"""What a running platform does when it is asked for more than it can do.

python -m benchmarks.overload [--home DIRECTORY] [--seconds 60]

Home pages (the events query of README.md) from a closed loop say what the capacity is. Then an open loop asks for three
times as many, whatever comes back; then the stories: 30, 40 and 60 a second, 60 at once, 150 cancellations at once and
150 again. Load and platform share the machine, and the load is one process: figures are of everything together.
Ends with 0 when goodput is at least 90 % of the capacity, refusals take 50 ms at most (p99), pages are as before within
5 s, and no cancellation that took effect was told as failed.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

import msgspec

from gateway.federation import (
    HttpLimits,
    HttpTransport,
    SubgraphFailure,
    SubgraphOverloaded,
    SubgraphRequest,
)

# Each is asked for with another instant: equal queries under way at the same moment would be sent once.
HOME_PAGE: Final = """query Home($from: DateTime!) { events(first: 10, where: { startsAfter: $from }) { edges { node {
  id name kind ageRating combos(first: 2) { name price { formatted } }
  sessions { id startsAt venue { name city } sectors { id name available price { formatted } } } } }
  pageInfo { hasNextPage endCursor } } }"""
CANCEL: Final = """mutation Cancel($r: ID!, $k: String!) {
  cancelReservation(input: { reservationId: $r, idempotencyKey: $k }) { reservation { status } errors { code } } }"""
STATUS: Final = "query Status($r: ID!) { reservation(id: $r) { status } }"
# What a page may take and still be of use to somebody (s).
USEFUL: Final = 5.0
CLIENT_TIMEOUT: Final = 15.0


@dataclass
class Seen:
    """Answers by what they were, with how long they took (s)."""

    good: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    partly: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def asked(self) -> int:
        return len(self.good) + len(self.late) + len(self.refused) + len(self.partly) + self.failed.total()

    def row(self, name: str, seconds: float) -> str:
        times = f"{_percentile(self.good, 50):.2f} | {_percentile(self.good, 99):.2f}"
        return (
            f"| {name} | {self.asked} | {len(self.good)} | {len(self.good) / seconds:.1f} | {times} |"
            f" {len(self.refused)} | {_percentile(self.refused, 99) * 1000:.0f} | {len(self.partly)} |"
            f" {len(self.late)} | {dict(self.failed)} |"
        )


class Client:
    """Asks the gateway's front door as one program with many connections."""

    def __init__(self, url: str) -> None:
        self._tokens: dict[str | None, dict[str, str]] = {None: {"Accept-Language": "pt-BR"}}
        self._transport = HttpTransport(
            url, headers_for=lambda request: request.headers, limits=HttpLimits(connections=2_000, idle=2_000)
        )

    async def ask(self, document: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The response. Raises SubgraphFailure."""
        body = msgspec.json.encode({"query": document, "variables": variables})
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = SubgraphRequest(
            service="gateway",
            body=body,
            query=document,
            variables=b"{}",
            kind="mutation",
            headers=headers,
            timeout=CLIENT_TIMEOUT,
        )
        answer: dict[str, Any] = msgspec.json.decode(await self._transport.execute(request))
        return answer

    async def page(self, seen: Seen) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = await self.ask(HOME_PAGE, **{"from": f"2025-01-01T00:00:00.{random.randrange(10**6):06d}Z"})
        except SubgraphOverloaded:
            seen.refused.append(loop.time() - began)
            return
        except SubgraphFailure as failure:
            seen.failed[failure.code] += 1
            return
        took = loop.time() - began
        if "errors" not in answer:
            (seen.good if took <= USEFUL else seen.late).append(took)
            return
        codes = {error.get("extensions", {}).get("code") for error in answer["errors"]}
        if answer.get("data") and answer["data"].get("events"):
            seen.partly.append(took)
        elif codes == {"OVERLOADED"}:
            seen.refused.append(took)
        else:
            seen.failed["+".join(sorted(map(str, codes)))] += 1

    async def close(self) -> None:
        await self._transport.close()


async def closed_loop(client: Client, clients: int, seconds: float) -> Seen:
    seen, loop = Seen(), asyncio.get_running_loop()
    until = loop.time() + seconds

    async def one() -> None:
        while loop.time() < until:
            await client.page(seen)

    await asyncio.gather(*(one() for _ in range(clients)))
    return seen


async def open_loop(client: Client, per_second: float, seconds: float) -> Seen:
    """Asks at random moments (a Poisson process), and waits for what is still under way in the end."""
    seen, loop = Seen(), asyncio.get_running_loop()
    asked: set[asyncio.Task[None]] = set()
    until = next_at = loop.time() + seconds
    next_at -= seconds
    while next_at < until:
        await asyncio.sleep(max(0.0, next_at - loop.time()))
        task = asyncio.ensure_future(client.page(seen))
        asked.add(task)
        task.add_done_callback(asked.discard)
        next_at += random.expovariate(per_second)
    if asked:
        await asyncio.wait(asked)
    return seen


async def recovered_after(client: Client, usual: float) -> float:
    """Seconds until five pages in a row were answered about as quickly as before."""
    loop = asyncio.get_running_loop()
    began, in_a_row = loop.time(), 0
    while in_a_row < 5 and loop.time() - began < 60:
        seen = Seen()
        await client.page(seen)
        in_a_row = in_a_row + 1 if seen.good and seen.good[0] < max(0.5, 4 * usual) else 0
        if not in_a_row:
            await asyncio.sleep(0.1)
    return loop.time() - began


@dataclass
class Cancellations:
    told: Counter[str] = field(default_factory=Counter)
    took_effect: int = 0
    told_wrongly: int = 0


async def cancel_at_once(client: Client, reservations: list[tuple[str, str]]) -> Cancellations:
    """(token, reservation): all at the same moment; afterwards what became of each is asked."""
    found = Cancellations()
    told: dict[str, str] = {}

    async def one(token: str, reservation: str) -> None:
        try:
            answer = await client.ask(CANCEL, token, r=reservation, k=str(uuid4()))
        except SubgraphFailure as failure:
            told[reservation] = failure.code
            return
        if "errors" in answer:
            told[reservation] = answer["errors"][0]["extensions"]["code"]
        else:
            errors = answer["data"]["cancelReservation"]["errors"]
            told[reservation] = errors[0]["code"] if errors else "cancelled"

    await asyncio.gather(*(one(*each) for each in reservations))
    await asyncio.sleep(3)
    for token, reservation in reservations:
        answer = await client.ask(STATUS, token, r=reservation)
        cancelled = answer["data"]["reservation"]["status"] == "CANCELLED"
        found.took_effect += cancelled
        found.told_wrongly += cancelled and told[reservation] != "cancelled"
    found.told.update(told.values())
    return found


SIGN_UP: Final = """mutation SignUp($i: SignUpInput!) { signUp(input: $i) { accessToken errors { code message } } }"""
SECTORS: Final = """{ events(first: 20) { edges { node { sessions { id sectors { id numbered available } } } } } }"""
REQUEST: Final = """mutation Request($i: RequestReservationInput!) {
  requestReservation(input: $i) { reservation { id } errors { code } } }"""


async def hold(client: Client, wanted: int, customers: int = 12) -> list[tuple[str, str]]:
    """Reservations that are held, of new customers."""
    events = (await client.ask(SECTORS))["data"]["events"]["edges"]
    sectors = [
        (session["id"], sector["id"])
        for edge in events
        for session in edge["node"]["sessions"][:1]
        for sector in session["sectors"][:1]
        if sector["available"] > wanted
    ]
    held: list[tuple[str, str]] = []
    for _ in range(customers):
        person = {
            "birthDate": "1980-01-01",
            "cpf": _cpf(),
            "email": f"{uuid4().hex[:12]}@overload.example",
            "name": "Vanda Valente",
            "password": f"Caminho-{uuid4().hex[:10]}",
        }
        token = (await client.ask(SIGN_UP, i=person))["data"]["signUp"]["accessToken"]
        for number in range(-(-wanted // customers)):
            session, sector = sectors[number % len(sectors)]
            asked = {"sessionId": session, "sectorId": sector, "quantity": 1, "idempotencyKey": str(uuid4())}
            payload = (await client.ask(REQUEST, token, i=asked))["data"]["requestReservation"]
            held.append((token, payload["reservation"]["id"]))
    ready = []
    for token, reservation in held:
        for _ in range(300):
            answer = await client.ask(STATUS, token, r=reservation)
            known = (answer.get("data") or {}).get("reservation") or {}
            if known.get("status") not in (None, "QUEUED"):
                break
            await asyncio.sleep(0.2)
        if known.get("status") == "HELD":
            ready.append((token, reservation))
    return ready[:wanted]


def _cpf() -> str:
    digits = f"{random.randrange(10**9):09d}"
    for length in (9, 10):
        weighted = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=True))
        digits += str(weighted * 10 % 11 % 10)
    return digits


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


def _gateway(home: str | None) -> str:
    program = Path(sys.executable).with_name("bilhetagem")
    command = [str(program), "status", "--json", *(["--home", home] if home else [])]
    answer = subprocess.run(command, capture_output=True, check=True)
    return str(json.loads(answer.stdout)["gateway"])


async def main(url: str, seconds: float, only: str) -> int:
    client = Client(url)
    wrong: list[str] = []

    def judge(well: bool, what: str) -> None:
        print(f"{'ok  ' if well else 'FAIL'} {what}", flush=True)
        wrong.extend([] if well else [what])

    stories: dict[str, Callable[[], Awaitable[None]]] = {}

    async def overload() -> None:
        await closed_loop(client, 8, 5)
        idle = median((await closed_loop(client, 1, 3)).good)
        usual = await closed_loop(client, 8, 15)
        capacity = len(usual.good) / 15
        print("| load | asked | good | good/s | p50 s | p99 s | refused | p99 ms | partly | late | failed |")
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        print(usual.row("closed loop, 8 clients", 15), flush=True)
        seen = await open_loop(client, 3 * capacity, seconds)
        after = await recovered_after(client, idle)
        print(seen.row(f"open loop, {3 * capacity:.0f}/s", seconds), flush=True)
        goodput = len(seen.good) / seconds
        judge(goodput >= 0.9 * capacity, f"goodput {goodput:.1f}/s is at least 90 % of {capacity:.1f}/s")
        refusals = _percentile(seen.refused, 99) * 1000
        judge(refusals <= 50, f"refusals take {refusals:.0f} ms (p99), at most 50")
        judge(after <= 5, f"as before after {after:.1f} s, at most 5")

    async def rates() -> None:
        for rate in (20, 30, 40, 60):
            seen = await open_loop(client, rate, 10)
            print(seen.row(f"open loop, {rate}/s", 10), flush=True)
            await recovered_after(client, 0.2)
        seen = Seen()
        await asyncio.gather(*(client.page(seen) for _ in range(60)))
        print(seen.row("60 at once", 1), flush=True)
        judge(not seen.failed and not seen.late, "60 pages at once: each is answered in time or refused")

    async def cancellations() -> None:
        reservations = await hold(client, 300)
        half = len(reservations) // 2
        print(f"{len(reservations)} reservations are held")
        for part in (reservations[:half], reservations[half:]):
            found = await cancel_at_once(client, part)
            print(f"{len(part)} cancellations at once: {dict(found.told)}; {found.took_effect} took effect", flush=True)
            judge(not found.told_wrongly, f"{found.told_wrongly} took effect and were told as failed")

    stories |= {"overload": overload, "rates": rates, "cancellations": cancellations}
    for name, story in stories.items():
        if not only or name == only:
            await story()
    await client.close()
    return len(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="overload")
    parser.add_argument("--home", help="of the running platform")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", default="", choices=["", "overload", "rates", "cancellations"])
    options = parser.parse_args()
    sys.exit(1 if asyncio.run(main(_gateway(options.home), options.seconds, options.only)) else 0)
