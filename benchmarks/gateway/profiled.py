"""Where this gateway's CPU time goes: cProfile over requests given to the ASGI application in one process.

`python -m benchmarks.gateway.profiled OPERATION SUBGRAPHS`: 16 requests at a time through the HTTP door and real
connections to the subgraphs, but no server in front.
"""

import asyncio
import cProfile
import pstats
import sys
import time
from typing import Any

import uvloop

from benchmarks.gateway.operations import OPERATIONS, Operation
from benchmarks.gateway.ours import make_app

_AT_ONCE = 16
_REQUESTS = {"catalogue": 4_000, "heavy": 1_000}


async def _request(app: Any, body: bytes) -> int:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
    }
    sent = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    await app(scope, receive, send)
    return sent


async def _many(app: Any, operation: Operation, first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def client() -> None:
        for number in numbers:
            await _request(app, operation.body(number))

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))


async def _run(operation: Operation, subgraphs: str) -> None:
    app = make_app(operation, subgraphs, share=False)
    count = _REQUESTS[operation.name]
    await _many(app, operation, 0, count // 4)
    began = time.process_time()
    await _many(app, operation, count, count)
    plain = time.process_time() - began
    profile = cProfile.Profile()
    began = time.process_time()
    profile.enable()
    await _many(app, operation, 2 * count, count)
    profile.disable()
    slowed = time.process_time() - began
    print(f"\n=== {operation.title}: {1e6 * plain / count:.0f} µs of CPU per request without a server in front")
    print(
        f"    ({1e6 * slowed / count:.0f} µs with the profiler on); {count} requests profiled; calls are of all of them"
    )
    for order in ("tottime", "cumulative"):
        pstats.Stats(profile, stream=sys.stdout).strip_dirs().sort_stats(order).print_stats(45)


if __name__ == "__main__":
    uvloop.run(_run(OPERATIONS[sys.argv[1]], sys.argv[2]))
