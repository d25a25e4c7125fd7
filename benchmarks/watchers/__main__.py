"""Watchers of reservations: `python -m benchmarks.watchers [--watchers 5000]`.

Everybody stands in one sector's line, each on a WebSocket of his own as the gateway gives every buyer. They wait; they
are all held, ten at a time; and then all their holds are swept, five hundred at a time. Each must see every state.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import websockets

from benchmarks.watchers.stage import SECTOR, SESSION, Stage, on_stage
from subgraphs.chassis.graphql import global_id

_WATCH: Final = "subscription ($id: ID!) { reservationStatus(id: $id) { status queuePosition heldUntil } }"
_ALLOCATE: Final = (
    "mutation ($requests: [AllocationRequest!]!) { allocateReservations(requests: $requests) { status } }"
)
_SWEEP: Final = "mutation { sweepExpiredHolds(limit: 500) }"
_OPENING_AT_ONCE: Final = 50
_IDLE_SECONDS: Final = 20
_GLANCE_SECONDS: Final = 0.05
_BATCHES_A_SECOND: Final = 8
_PUSH_SECONDS: Final = 1.0
_STATEMENTS_A_SECOND: Final = 2.0


@dataclass
class Watcher:
    """`told` is when each state was first heard, `pushes` counts every message."""

    reservation: UUID
    customer: UUID
    number: int
    told: dict[str, float] = field(default_factory=dict)
    pushes: int = 0
    ended: bool = False

    async def follow(self, stage: Stage, opening: asyncio.Semaphore) -> None:
        async with opening:
            socket = await websockets.connect(
                f"ws://127.0.0.1:{stage.port}/graphql",
                additional_headers={"Authorization": f"Bearer {stage.token('gateway', self.customer)}"},
                subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
                compression=None,
                open_timeout=60,
                ping_interval=None,
            )
            await socket.send('{"type":"connection_init"}')
            await socket.recv()
            variables = {"id": global_id.encode("Reservation", self.reservation)}
            payload = {"query": _WATCH, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for message in socket:
            heard = json.loads(message)
            if heard["type"] == "complete":
                self.ended = True
                break
            self.pushes += 1
            state = heard["payload"]["data"]["reservationStatus"]
            self.told.setdefault(state["status"], time.monotonic())
        await socket.close()

    def request(self) -> dict[str, Any]:
        return {
            "reservationId": str(self.reservation),
            "customerId": str(self.customer),
            "sessionId": str(SESSION),
            "sectorId": str(SECTOR),
            "quantity": 1,
            "idempotencyKey": str(self.reservation),
            "requestedAt": datetime.now(UTC).isoformat(),
            "sequence": str(self.number),
        }


class Workers:
    """Asks as the workers do, and reads how many statements were sent."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}", timeout=60)

    async def ask(self, document: str, variables: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._stage.token('workers')}"}
        answer = await self._http.post("/graphql", json={"query": document, "variables": variables}, headers=headers)
        return answer.json()["data"]

    async def statements(self) -> int:
        return int((await self._http.get("/statements")).json()["statements"])


async def main(count: int) -> int:
    with on_stage() as stage:
        await stage.fill(count)
        watchers = [Watcher(uuid4(), uuid4(), number + 1) for number in range(count)]
        stage.queue([(watcher.reservation, watcher.customer) for watcher in watchers])
        opening, workers = asyncio.Semaphore(_OPENING_AT_ONCE), Workers(stage)
        began = time.monotonic()
        following = [asyncio.create_task(watcher.follow(stage, opening)) for watcher in watchers]
        await _all(watchers, "QUEUED", 300)
        print(f"{count} watchers after {time.monotonic() - began:.1f} s; load average {os.getloadavg()[0]:.1f}")
        await asyncio.sleep(3)

        before, pushed = await workers.statements(), sum(watcher.pushes for watcher in watchers)
        await asyncio.sleep(_IDLE_SECONDS)
        # The ping of the listener's own connection is not SQLAlchemy's: one in five seconds.
        idle = (await workers.statements() - before) / _IDLE_SECONDS + 0.2
        print(f"while they wait: {idle:.2f} statements/s, {sum(w.pushes for w in watchers) - pushed} pushes")

        cpu = [stage.cpu_seconds()]
        held = await _hold(workers, watchers)
        cpu.append(stage.cpu_seconds())
        await stage.end_holds()
        swept = await _sweep(workers, watchers)
        cpu.append(stage.cpu_seconds())
        each = [(after - before) / count * 1_000 for before, after in pairwise(cpu)]
        print(f"CPU of the service: {each[0]:.1f} ms for each hold and its pushes, {each[1]:.1f} ms for each expiry")
        await asyncio.wait(following, timeout=30)
        lost = [w for w in watchers if not w.ended or w.told.keys() != {"QUEUED", "HELD", "EXPIRED"}]
        print(f"pushes: {sum(watcher.pushes for watcher in watchers) / count:.1f} for each watcher")
        print(f"watchers that lost a state: {len(lost)}")
        late = max(held, swept) > _PUSH_SECONDS
        return int(bool(lost) or late or idle > _STATEMENTS_A_SECOND)


async def _hold(workers: Workers, watchers: list[Watcher]) -> float:
    """From the worker's question to each push, in the worst hundredth of them."""
    asked: dict[UUID, float] = {}
    began = time.monotonic()
    for start in range(0, len(watchers), 10):
        batch = watchers[start : start + 10]
        await asyncio.sleep(max(0.0, began + start / 10 / _BATCHES_A_SECOND - time.monotonic()))
        asked.update(dict.fromkeys((watcher.reservation for watcher in batch), time.monotonic()))
        await workers.ask(_ALLOCATE, {"requests": [watcher.request() for watcher in batch]})
    took = time.monotonic() - began
    await _all(watchers, "HELD", 60)
    return _say(f"held, {len(watchers) / took:.0f}/s", [w.told["HELD"] - asked[w.reservation] for w in watchers])


async def _sweep(workers: Workers, watchers: list[Watcher]) -> float:
    """From the question that sweeps a hold to the push, in the worst hundredth of them: one sweep after the other."""
    waits: list[float] = []
    answers: list[float] = []
    left = list(watchers)
    while left:
        asked = time.monotonic()
        swept = await workers.ask(_SWEEP)
        answers.append(time.monotonic() - asked)
        async with asyncio.timeout(60):
            while sum("EXPIRED" in watcher.told for watcher in left) < swept["sweepExpiredHolds"]:  # noqa: ASYNC110
                await asyncio.sleep(_GLANCE_SECONDS)
        told = [watcher for watcher in left if "EXPIRED" in watcher.told]
        waits += [watcher.told["EXPIRED"] - asked for watcher in told]
        left = [watcher for watcher in left if "EXPIRED" not in watcher.told]
    _say("the sweeps' own answers", answers)
    return _say("swept, 500 at once", waits)


async def _all(watchers: list[Watcher], state: str, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not all(state in watcher.told for watcher in watchers):  # noqa: ASYNC110 - thousands would each have one
            await asyncio.sleep(_GLANCE_SECONDS)


def _say(what: str, waits: list[float]) -> float:
    waits.sort()
    p50, p99, most = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.99, 1.0))
    print(f"{what}: after p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, at most {most * 1000:.0f} ms")
    return p99


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=5_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(asyncio.run(main(parser.parse_args().watchers)))
