"""Kills every process of the platform at random moments of many purchases, starts it again, and counts the money.

    python -m tests.drills.kill_everything --home DIRECTORY --port PORT [--kills 20] [--buyers 16]

After each start, every captured centavo has to be a ticket, popcorn or a refund within two minutes. In the end all
holds are over, and nothing may be left: no hold, no reserved stock, no open charge, no reservation whose end was not
told. Prints a table and ends with 0 only when all of that holds. Only for a home of its own: its data are forgotten.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from infra.local import reconciliation
from infra.local.faults import LocalFault
from infra.local.home import Home, Record
from infra.local.identity import load_or_create
from infra.local.postgres import APPLICATION_ROLE
from infra.local.services import Ports
from tests.journeys.front_door import Shopper
from tests.journeys.purchase import held, pay, sectors

START_SECONDS = 300.0
SETTLED_WITHIN_SECONDS = 120.0
MISPLACED = """SELECT p.id, p.reference, p.captured_minor - coalesce((SELECT sum(amount_minor) FROM refunds r
    WHERE r.payment_id = p.id AND r.status <> 'FAILED'), 0) AS kept FROM payments p WHERE p.captured_minor > 0"""


class Drill:
    def __init__(self, home: Path, port: int, seed: int) -> None:
        self.home, self.ports = Home(home), Ports.from_base(port)
        self.port = port
        self.dice = random.Random(seed)
        self.process: subprocess.Popen[bytes] | None = None
        self.started: Counter[str] = Counter()

    def start(self, *, fresh: bool = False) -> float:
        """The seconds until the platform told that it was ready."""
        began = time.monotonic()
        command = [sys.executable, "-c", "from infra.local.cli import app; app()", "up"]
        command += ["--home", str(self.home.directory), "--port", str(self.port), *(["--fresh"] if fresh else [])]
        log = self.home.directory.with_suffix(".log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        log.close()
        while True:
            try:
                record = self.home.record()
                if record.pid == self.process.pid:
                    return time.monotonic() - began
            except LocalFault:
                pass
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit(f"The platform did not start: see {self.home.directory.with_suffix('.log')}.")
            time.sleep(0.2)

    def kill(self) -> int:
        """SIGKILL to everything at once: the command, its launcher, every process and what it started."""
        assert self.process is not None
        record: Record = self.home.record()
        launcher = _children(record.pid)
        for pid in [record.pid, *launcher]:
            os.kill(pid, signal.SIGKILL)
        killed = 1 + len(launcher)
        for pid in record.processes.values():
            try:
                os.killpg(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                continue
        self.process.wait(30)
        for name in self.ports.by_name:
            _until_free(self.ports.by_name[name])
        return killed

    def buyers(self, number: int) -> list[Shopper]:
        """New customers, signed in."""
        anybody = Shopper(self.home.record().status["gateway"])
        return [self._signed_up(anybody) for _ in range(number)]

    def _signed_up(self, anybody: Shopper) -> Shopper:
        email, password = f"{uuid4().hex}@example.org", f"Segredo-{uuid4().hex}"
        payload = anybody.data(
            """mutation($i: SignUpInput!) { signUp(input: $i) { errors { code message } } }""",
            i={
                "name": "Ana Souza",
                "email": email,
                "password": password,
                "birthDate": "1990-01-01",
                "cpf": self._cpf(),
            },
        )["signUp"]
        assert payload["errors"] == [], payload
        return anybody.signed_in(email, password)

    def _cpf(self) -> str:
        digits = [self.dice.randrange(10) for _ in range(9)]
        for length in (9, 10):
            rest = sum(digit * (length + 1 - at) for at, digit in enumerate(digits)) * 10 % 11
            digits.append(rest % 10)
        return "".join(map(str, digits))

    def buy(self, buyer: Shopper, row: tuple[Any, Any, Any], popcorn: str | None, course: float) -> None:
        """One purchase, as far as it comes; `course` decides whether it is paid, given up, or given back."""
        self.started["begun"] += 1
        try:
            reservation = held(buyer, row[1]["id"], row[2]["id"])
            self.started["held"] += 1
            if course < 0.1:
                return
            items = [{"productId": popcorn, "quantity": 1}] if popcorn and course > 0.5 else None
            payment = pay(buyer, reservation["id"], items=items)["payment"]
            self.started["charged"] += 1
            if course < 0.2:
                return
            sandbox = self.home.record().status["sandbox"]
            httpx.post(f"{sandbox}/charges/{payment['id']}/pay", timeout=10).raise_for_status()
            self.started["paid at the bank"] += 1
            if course > 0.9:
                buyer.data(
                    """mutation($r: ID!, $k: String!) {
                    cancelReservation(input: { reservationId: $r, idempotencyKey: $k }) { errors { code } } }""",
                    r=reservation["id"],
                    k=uuid4().hex,
                )
                self.started["given back"] += 1
        except Exception as fault:  # the platform was killed in the middle of it, as it should be
            self.started[f"ended by {type(fault).__name__}"] += 1

    def rows(self, service: str, statement: str, *values: Any) -> list[Any]:
        password = load_or_create(self.home.identity).database_password
        port = self.ports.by_name["postgres"]
        url = f"postgresql://{APPLICATION_ROLE}:{password}@127.0.0.1:{port}/{service}"

        async def run() -> list[Any]:
            connection = await asyncpg.connect(url, timeout=20)
            try:
                return list(await connection.fetch(statement, *values, timeout=20))
            finally:
                await connection.close()

        return asyncio.run(run())

    def misplaced(self) -> list[str]:
        """Payments whose money is not worth what it bought."""
        payments = self.rows("payments", MISPLACED)
        sold = {
            str(row["payment_id"]): row
            for row in self.rows(
                "ticketing",
                """SELECT r.id, r.payment_id, quantity * (unit_price_minor + unit_fee_minor) AS total, quantity,
                (SELECT count(*) FROM tickets t WHERE t.reservation_id = r.id AND t.status = 'ISSUED') AS tickets
                FROM reservations r WHERE r.status = 'CONFIRMED'""",
            )
        }
        ordered = {
            row["reservation_id"]: row["total_minor"]
            for row in self.rows("concessions", "SELECT * FROM concession_orders WHERE status = 'PAID'")
        }
        wrong = []
        for payment in payments:
            bought = sold.get(str(payment["id"]))
            value = 0
            if bought is not None and bought["tickets"] == bought["quantity"]:
                value = bought["total"] + ordered.get(bought["id"], 0)
            if payment["kept"] != value:
                wrong.append(f"{payment['reference']} keeps {payment['kept']} for {value}")
        return wrong

    def settle(self) -> tuple[float, int]:
        """Seconds until all money was where it belongs, and how many payments were not at first."""
        began = time.monotonic()
        first: int | None = None
        while True:
            wrong = self.misplaced()
            first = len(wrong) if first is None else first
            took = time.monotonic() - began
            if not wrong:
                return took, first
            if took > SETTLED_WITHIN_SECONDS:
                raise SystemExit("\n".join(["After two minutes:", *wrong]))
            time.sleep(1)

    def left(self) -> dict[str, int]:
        """What is still held, open, overdue or untold once all holds are over and the reconciliation has run."""
        over = "now() - interval '1 second'"
        for table, state in (("reservations", "status IN ('HELD', 'AWAITING_PAYMENT')"), ("units", "state = 'HELD'")):
            self.rows("ticketing", f"UPDATE {table} SET held_until = {over} WHERE {state}")
        self.rows("concessions", f"UPDATE concession_orders SET expires_at = {over} WHERE status = 'PLACED'")
        self.rows("payments", f"UPDATE payments SET expires_at = {over} WHERE status IN ('CREATED', 'REQUIRES_ACTION')")
        deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
        while True:
            report = reconciliation.reconcile(self.home, grace_seconds=0)
            found = {
                "holds": len(self.rows("ticketing", "SELECT 1 FROM units WHERE state = 'HELD'")),
                "reserved stock": len(self.rows("concessions", "SELECT 1 FROM product_stock WHERE reserved > 0")),
                "open charges": len(
                    self.rows("payments", "SELECT 1 FROM payments WHERE status IN ('CREATED', 'REQUIRES_ACTION')")
                ),
                "unfinished refunds": len(self.rows("payments", "SELECT 1 FROM refunds WHERE status <> 'SUCCEEDED'")),
                "misplaced payments": len(self.misplaced()),
                "untold ends": len(
                    self.rows(
                        "ticketing",
                        """SELECT 1 FROM reservations WHERE settled_status IS DISTINCT FROM status
                        AND status IN ('HELD', 'AWAITING_PAYMENT', 'CONFIRMED', 'EXPIRED', 'CANCELLED')""",
                    )
                ),
                "unsettled": len(report.unsettled),
            }
            if not any(found.values()) or time.monotonic() > deadline:
                return found
            time.sleep(2)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]


def _until_free(port: int) -> None:
    import socket

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError:
                time.sleep(0.1)
    raise SystemExit(f"Somebody still listens on {port} after the kill.")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--home", type=Path, required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--buyers", type=int, default=16)
    options.add_argument("--seed", type=int, default=8)
    given = options.parse_args()
    drill = Drill(given.home.resolve(), given.port, given.seed)
    print(f"started in {drill.start(fresh=True):.0f} s", flush=True)
    try:
        buyers = drill.buyers(given.buyers)
        products = buyers[0].data("{ products(first: 5, where: { category: COMBO }) { edges { node { id } } } }")
        popcorn = products["products"]["edges"][0]["node"]["id"]
        for round_number in range(1, given.kills + 1):
            rows = [row for row in sectors(buyers[0]) if not row[2]["numbered"] and row[2]["available"] > given.buyers]
            with ThreadPoolExecutor(given.buyers) as pool:
                for buyer in buyers:
                    pool.submit(drill.buy, buyer, drill.dice.choice(rows), popcorn, drill.dice.random())
                time.sleep(drill.dice.uniform(1, 12))
                killed = drill.kill()
            took = drill.start()
            settled, wrong = drill.settle()
            print(
                f"kill {round_number:2}: {killed} processes; started in {took:.0f} s; {wrong} payments misplaced then,"
                f" none after {settled:.0f} s more",
                flush=True,
            )
            buyers = [buyer for buyer in buyers if "errors" not in buyer.ask("{ me { id } }")] or drill.buyers(4)
        left = drill.left()
        money = drill.rows(
            "payments", "SELECT status, count(*) AS n, sum(captured_minor) AS c FROM payments GROUP BY 1 ORDER BY 1"
        )
        for what, number in sorted(drill.started.items()):
            print(f"{number:6}  purchases {what}")
        for row in money:
            print(f"{row['n']:6}  payments {row['status']}, captured {row['c'] / 100:.2f} BRL")
        for what, number in left.items():
            print(f"{number:6}  {what} left")
        if any(left.values()):
            raise SystemExit(1)
    finally:
        if drill.process is not None and drill.process.poll() is None:
            drill.process.send_signal(signal.SIGINT)
            drill.process.wait(120)


if __name__ == "__main__":
    main()
