"""The small drill: everything that may happen to a selling platform, in five minutes, and what must hold afterwards.

`make drill-small` runs it. It starts a platform of its own, sells, floods, kills and leaves, waits until all is quiet,
and reads the domain's invariants from the databases. It prints a table and ends with 0 only when every line holds.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from infra.local.postgres.server import free_ports
from tests.drills import aws
from tests.drills.buyers import STATUS, Buyer, Gateway, Unanswered
from tests.drills.invariants import dead_checks, violations
from tests.drills.leavers import leave_at_random
from tests.drills.platform_under_drill import DrilledPlatform, kill, platform_under_drill
from tests.drills.stage import Sector, sign_up, stage_sectors

BUYERS = 24
PURCHASES = 200
LANES = 8
REQUESTS_AT_ONCE, UNITS = 300, 100
LEAVERS = 1_000
SIGN_INS = 60
# Parts that are killed one by one while purchases go on. The emulated AWS and PostgreSQL stand for what does not die
# alone on AWS; the drill that kills everything is another one.
KILLED = (
    "ticketing",
    "payments",
    "concessions",
    "customers",
    "notifications",
    "suggestions",
    "gateway",
    "sandbox",
    "mailbox",
)
_QUIET_SECONDS = 150.0
_MEMORY_GROWTH = 1.10
# Below this growth a percentage says nothing: an allocator's arena is larger.
_MEMORY_SLACK_MIB = 12.0

_WIDE_NODES = "query($i: [ID!]!) { nodes(ids: $i) { ... on Reservation { suggestions { id } } } }"
_WIDEST_NODES = 40  # what the limits let pass
_DEEP = """{ events(first: 100) { edges { node { name combos(first: 20) { name } organiser { name }
  sessions(first: 50) { startsAt venue { name products(first: 50) { edges { node { name } } } }
    sectors { name available seats(first: 100) { edges { node { label state } } } } } } } } }"""
_SIGN_IN = """mutation($e: String!) { signIn(input: { email: $e, password: "not the password" }) {
  errors { code message } } }"""


@dataclass
class Drill:
    platform: DrilledPlatform
    gateway: Gateway
    buyers: list[Buyer] = field(default_factory=list)
    lines: list[tuple[str, str, bool]] = field(default_factory=list)
    held: list[tuple[Buyer, str]] = field(default_factory=list)

    def note(self, what: str, found: object, holds: bool) -> None:
        self.lines.append((what, str(found), holds))
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {found}", flush=True)

    async def part(self, name: str, work: Callable[["Drill"], Awaitable[None]]) -> None:
        """Runs one part; what it raises is a line that does not hold, and the drill goes on."""
        began = time.monotonic()
        try:
            await work(self)
        except Exception as exc:
            self.note(name, f"{type(exc).__name__}: {exc}"[:300], holds=False)
        print(f"     ({name}: {time.monotonic() - began:.0f} s)", flush=True)


async def sell_in_a_row(drill: Drill) -> None:
    """One purchase after the other in each lane: no statement, pool or token breaks when it is used again and again."""
    [sector] = await stage_sectors(drill.platform, PURCHASES)
    ends: Counter[str] = Counter()

    async def lane(number: int) -> None:
        buyer = drill.buyers[number % len(drill.buyers)]
        for turn in range(PURCHASES // LANES):
            method = "CARD" if turn % 4 == 3 else "PIX"
            try:
                await buyer.buy(sector.session, sector.sector, method)
            except AssertionError as exc:
                ends[str(exc)[:120]] += 1
            else:
                ends["confirmed"] += 1

    await asyncio.gather(*(lane(number) for number in range(LANES)))
    drill.note(f"{PURCHASES} purchases in a row", dict(ends), holds=ends == {"confirmed": PURCHASES})


async def pay_and_cancel(drill: Drill) -> None:
    """The buyer changes her mind: pay by Pix, cancel, thirty times on one platform."""
    [sector] = await stage_sectors(drill.platform, 30)
    buyer, ends = drill.buyers[0], Counter[str]()
    for _ in range(30):
        reservation_id = await buyer.request(sector.session, sector.sector)
        await buyer.until(reservation_id, "HELD")
        paying = await buyer.pay(reservation_id)
        ends[paying["errors"][0]["code"] if paying["errors"] else paying["payment"]["status"]] += 1
        await buyer.cancel(reservation_id)
    drill.note("30 × pay by Pix and cancel", dict(ends), holds=set(ends) == {"REQUIRES_ACTION"})


async def all_want_the_same(drill: Drill) -> None:
    """More requests at once than there are units: as many are held as there are, the first in line."""
    [sector] = await stage_sectors(drill.platform, UNITS)
    requests = [drill.buyers[number % len(drill.buyers)] for number in range(REQUESTS_AT_ONCE)]
    ids = await asyncio.gather(*(buyer.request(sector.session, sector.sector) for buyer in requests))
    ended = await asyncio.gather(
        *(buyer.until(one, "HELD", "REJECTED_SOLD_OUT") for buyer, one in zip(requests, ids, strict=True))
    )
    statuses = Counter(found["status"] for found in ended)
    drill.note(
        f"{REQUESTS_AT_ONCE} requests at once for {UNITS} units",
        dict(statuses),
        holds=statuses == {"HELD": UNITS, "REJECTED_SOLD_OUT": REQUESTS_AT_ONCE - UNITS},
    )
    out_of_order = await _out_of_order(drill.platform, sector)
    drill.note("5 nobody later in line was served instead", out_of_order, holds=out_of_order == 0)
    drill.held = [(buyer, one) for buyer, one, end in zip(requests, ids, ended, strict=True) if end["status"] == "HELD"]


async def _out_of_order(platform: DrilledPlatform, sector: Sector) -> int:
    database = await asyncpg.connect(platform.database_url("ticketing"))
    try:
        found: int = await database.fetchval(
            "SELECT count(*) FROM reservations held JOIN reservations refused USING (sector_id)"
            " WHERE sector_id = $1 AND held.status = 'HELD' AND refused.status = 'REJECTED_SOLD_OUT'"
            " AND held.sequence > refused.sequence",
            sector.sector_id,
        )
    finally:
        await database.close()
    return found


async def kill_every_part(drill: Drill) -> None:
    """Purchases go on while each part dies once; all of them end well."""
    [sector] = await stage_sectors(drill.platform, 400)
    over = asyncio.Event()
    ends: Counter[str] = Counter()

    async def lane(buyer: Buyer) -> None:
        while not over.is_set():
            try:
                await buyer.buy(sector.session, sector.sector)
            except AssertionError as exc:
                ends[str(exc)[:160]] += 1
            else:
                ends["confirmed"] += 1

    lanes = [asyncio.create_task(lane(buyer)) for buyer in drill.buyers[:6]]
    killed: list[str] = []
    try:
        await asyncio.sleep(2)
        for name in KILLED:
            pid = drill.platform.pids()[name]
            kill(pid)
            if await _back(drill.platform, name, pid):
                killed.append(name)
        functions = drill.platform.functions()
        for pid in functions:
            kill(pid)
            await asyncio.sleep(0.3)
    finally:
        over.set()
        await asyncio.gather(*lanes)
    drill.note("parts that came back after kill -9", ", ".join(killed), holds=set(killed) == set(KILLED))
    drill.note("workers killed", len(functions), holds=bool(functions))
    drill.note("purchases while parts died", dict(ends), holds=set(ends) == {"confirmed"} and ends["confirmed"] >= 10)


async def _back(platform: DrilledPlatform, name: str, killed_pid: int) -> bool:
    """Whether the part runs again under another pid and says that it is ready."""
    url = _readiness(platform, name)
    async with httpx.AsyncClient() as http:
        for _ in range(240):
            with contextlib.suppress(httpx.HTTPError):
                if platform.pids().get(name) != killed_pid and (await http.get(url, timeout=3)).status_code == 200:
                    return True
            await asyncio.sleep(0.25)
    return False


def _readiness(platform: DrilledPlatform, name: str) -> str:
    status = platform.status
    at = status["subgraphs"].get(name) or status[name]
    return f"{at.removesuffix('/graphql')}/health/ready"


async def leave_at_any_moment(drill: Drill) -> None:
    [sector] = await stage_sectors(drill.platform, LEAVERS)
    buyer, reservation_id = drill.held[0]
    await leave_at_random(
        drill.gateway.url, buyer.token, reservation_id, sector.session, sector.sector, LEAVERS, seed=8
    )
    answered = await buyer.reservation(reservation_id)
    drill.note(f"{LEAVERS} clients left at random; the next is answered", answered["status"], holds=True)


async def ask_too_much(drill: Drill) -> None:
    """Wide queries are refused or answered, and the platform goes on for everybody else."""
    buyer, reservation_id = drill.held[0]
    wide = await drill.gateway.ask(_WIDE_NODES, {"i": [reservation_id] * 100}, buyer.token)
    aliases = " ".join(f"a{number}: tickets {{ qrCodeSvg }}" for number in range(100))
    codes = await drill.gateway.ask(
        f"query($r: ID!) {{ reservation(id: $r) {{ {aliases} }} }}", {"r": reservation_id}, buyer.token
    )
    with contextlib.suppress(Unanswered):
        await drill.gateway.ask(_DEEP, {})
    different = [one for _, one in drill.held[:_WIDEST_NODES]]
    let_in = [await drill.gateway.ask(_WIDE_NODES, {"i": different}, buyer.token) for _ in range(3)]
    ends = [_end(wide), _end(codes), *map(_end, let_in)]
    payable = await buyer.pay(reservation_id)
    drill.note(
        "wide queries; paying afterwards", f"{ends}, then {payable['errors'] or 'payable'}", not payable["errors"]
    )


def _end(body: dict[str, Any]) -> str:
    errors = body.get("errors") or []
    return "answered" if not errors else str((errors[0].get("extensions") or {}).get("code"))


async def flood_with_sign_ins(drill: Drill) -> None:
    """Strangers who sign in cost the signed-in nothing but patience."""
    buyer = drill.buyers[0]
    strangers = [
        asyncio.create_task(drill.gateway.ask(_SIGN_IN, {"e": f"nobody-{number}@example.com"}))
        for number in range(SIGN_INS)
    ]
    await asyncio.sleep(0.2)
    mine: Counter[str] = Counter()
    for _ in range(20):
        body = await drill.gateway.ask("{ me { id name } }", {}, buyer.token)
        mine[_end(body)] += 1
        await asyncio.sleep(0.05)
    told = Counter(
        "no answer" if isinstance(body, BaseException) else _sign_in_end(body)
        for body in await asyncio.gather(*strangers, return_exceptions=True)
    )
    drill.note(f"`me` of a signed-in buyer during {SIGN_INS} sign-ins", dict(mine), holds=mine == {"answered": 20})
    expected = {"INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"}
    drill.note("what the strangers were told", dict(told), holds=set(told) <= expected)


def _sign_in_end(body: dict[str, Any]) -> str:
    payload = (body.get("data") or {}).get("signIn")
    return payload["errors"][0]["code"] if payload and payload["errors"] else _end(body)


async def purchase_goes_well(drill: Drill) -> None:
    [sector] = await stage_sectors(drill.platform, 2)
    buyer = drill.buyers[-1]
    for method in ("PIX", "CARD"):
        reservation_id = await buyer.buy(sector.session, sector.sector, method)
        tickets = (await drill.gateway.data(STATUS, {"r": reservation_id}, buyer.token))["reservation"]["tickets"]
        drill.note(f"a purchase by {method} afterwards", tickets[0]["status"], holds=tickets[0]["status"] == "ISSUED")


async def try_the_checks(drill: Drill) -> None:
    """Every invariant is broken once, in a transaction that is rolled back: a check that notices nothing is none."""
    dead = await dead_checks(drill.platform)
    drill.note("checks that notice nothing", dead or "none", holds=not dead)


async def fall_quiet(drill: Drill) -> None:
    """Gives back what is held, and waits until nothing is under way."""
    await asyncio.gather(*(buyer.cancel(one) for buyer, one in drill.held))
    await _end_open_holds(drill.platform)
    deadline = time.monotonic() + _QUIET_SECONDS
    left: dict[str, Any] = {}
    while time.monotonic() < deadline:
        left = await _under_way(drill.platform)
        if not any(left.values()):
            break
        await asyncio.sleep(1)
    for what, found in left.items():
        drill.note(what, found or "none", holds=not found)


async def _end_open_holds(platform: DrilledPlatform) -> None:
    """The time of every hold that clients left behind is over now: nobody waits ten minutes for it in a drill."""
    database = await asyncpg.connect(platform.database_url("ticketing"))
    try:
        async with database.transaction():
            for table, is_held in (
                ("reservations", "status IN ('HELD', 'AWAITING_PAYMENT')"),
                ("units", "state = 'HELD'"),
            ):
                await database.execute(f"UPDATE {table} SET held_until = now() - interval '1 second' WHERE {is_held}")
    finally:
        await database.close()


async def _under_way(platform: DrilledPlatform) -> dict[str, Any]:
    waiting = await aws.messages(platform)
    return {
        "messages in queues": {name: count for name, count in waiting.items() if "-dlq" not in name},
        "dead letters": {name: count for name, count in waiting.items() if "-dlq" in name},
        "requests that nobody decided": len(await aws.undecided(platform)),
        "database sessions that work or wait in a transaction": await _busy_sessions(platform),
        "invariants broken": [str(one) for one in await violations(platform)],
    }


async def _busy_sessions(platform: DrilledPlatform) -> dict[str, int]:
    database = await asyncpg.connect(platform.database_url("ticketing"))
    try:
        rows = await database.fetch(
            "SELECT datname, count(*) AS busy FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state <> 'idle'"
            " AND state_change < now() - interval '1 second' GROUP BY datname"
        )
    finally:
        await database.close()
    return {row["datname"]: row["busy"] for row in rows}


def _compare_memory(drill: Drill, before: dict[str, float]) -> None:
    after = drill.platform.memory_mib()
    grown = {
        name: f"{before[name]:.0f} → {size:.0f}"
        for name, size in after.items()
        if name in before and name not in ("postgres", "ministack")
        if size > before[name] * _MEMORY_GROWTH and size - before[name] > _MEMORY_SLACK_MIB
    }
    drill.note("memory (MiB) that grew by more than a tenth", grown or "none", holds=not grown)


async def run(platform: DrilledPlatform) -> bool:
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=50)
    async with httpx.AsyncClient(limits=limits, timeout=30) as http:
        drill = Drill(platform, Gateway(platform.status["gateway"], platform.status["sandbox"], http))
        drill.buyers = await sign_up(drill.gateway, BUYERS)
        await drill.part("200 in a row", sell_in_a_row)
        await drill.part("pay and cancel", pay_and_cancel)
        memory = platform.memory_mib()
        await drill.part("300 at once", all_want_the_same)
        await drill.part("clients that leave", leave_at_any_moment)
        await drill.part("wide queries", ask_too_much)
        await drill.part("sign-in flood", flood_with_sign_ins)
        await drill.part("kill every part", kill_every_part)
        await drill.part("quiet", fall_quiet)
        await drill.part("afterwards", purchase_goes_well)
        await drill.part("the checks themselves", try_the_checks)
        _compare_memory(drill, memory)
    _print_table(drill)
    return bool(drill.lines) and all(holds for _, _, holds in drill.lines)


def _print_table(drill: Drill) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "what", "found", title="The small drill", title_justify="left")
    for what, found, holds in drill.lines:
        table.add_row("[green]✓[/green]" if holds else "[red]✗[/red]", what, found)
    Console(width=160).print(table)


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bilhetagem-drill-", ignore_cleanup_errors=True) as place:
        base = _free_base()
        with platform_under_drill(Path(place) / "home", base) as platform:
            holds = asyncio.run(run(platform))
    print(f"{'Everything holds' if holds else 'Something does not hold'}; {time.monotonic() - began:.0f} s in all.")
    return 0 if holds else 1


def _free_base() -> int:
    """A port with a dozen free ones after it."""
    import socket

    for _ in range(50):
        [base] = free_ports(1)
        try:
            for port in range(base, base + 12):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        if base < 64_000:
            return base
    raise RuntimeError("there are no twelve free ports in a row")


if __name__ == "__main__":
    sys.exit(main())
