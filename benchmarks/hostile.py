"""What it costs to refuse hostile requests: CPU and peak memory of each, the bar being 100 ms and 20 MB.

python -m benchmarks.hostile
"""

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from gateway.federation import Engine, GraphQLRequest
from tests.gateway.federation.hostile import BODIES, DOCUMENTS, Body, make_engine, post

_CPU_MS = 100.0
_MEMORY_MB = 20.0
_ROUNDS = 3


async def _measure(call: Callable[[], Awaitable[bytes]]) -> tuple[float, float, str]:
    """CPU milliseconds (the median of a few), peak megabytes above what was there before, and the code answered."""
    spent = []
    for _ in range(_ROUNDS):
        gc.collect()
        began = time.process_time()
        answer = await call()
        spent.append((time.process_time() - began) * 1_000)
    gc.collect()
    tracemalloc.start()
    await call()
    peak = tracemalloc.get_traced_memory()[1] / 1_048_576
    tracemalloc.stop()
    code: str = msgspec.json.decode(answer)["errors"][0]["extensions"]["code"]
    return sorted(spent)[_ROUNDS // 2], peak, code


async def _post(engine: Engine, body: Body) -> bytes:
    return (await post(engine, body))[1]


async def _main() -> int:
    engine = make_engine()
    await engine.execute(GraphQLRequest(query="{ nobody }"))  # what is made once is not counted
    calls: dict[str, Callable[[], Awaitable[bytes]]] = {}
    for name, (query, _) in DOCUMENTS.items():
        calls[name] = partial(engine.execute, GraphQLRequest(query=query))
    for name, body in BODIES.items():
        calls[name] = partial(_post, engine, body)
    print(f"| {'request':<34} | CPU ms | peak MB | refused with")
    print(f"|{'-' * 36}|-------:|--------:|---")
    over = 0
    for name, call in calls.items():
        cpu, peak, code = await _measure(call)
        beyond = cpu > _CPU_MS or peak > _MEMORY_MB
        over += beyond
        print(f"| {name:<34} | {cpu:6.1f} | {peak:7.2f} | {code}{' OVER THE BAR' if beyond else ''}")
    return over


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(_main()) else 0)
