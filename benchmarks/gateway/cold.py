"""What a first request costs, and what very many different operations leave behind.

`python -m benchmarks.gateway.cold compile|memory` prints JSON.
"""

import json
import re
import sys
import time
from statistics import median
from typing import Any

from graphql import OperationDefinitionNode, parse, print_ast

from benchmarks.gateway.processes import ROOT, resident_mb
from gateway.federation import Engine

_SUPERGRAPH = ROOT / "gateway" / "supergraph.graphql"
_JOURNEY = ROOT / "docs" / "journey.md"
_ENGINES = 5
_OPERATIONS = 10_000


def journey() -> list[tuple[str, str]]:
    """The operations of docs/journey.md, each with its name or first field."""
    found = []
    for block in re.findall(r"```graphql\n(.*?)```", _JOURNEY.read_text("utf-8"), re.DOTALL):
        for node in parse(block).definitions:
            assert isinstance(node, OperationDefinitionNode)
            field: Any = node.selection_set.selections[0]
            found.append((f"{node.operation.value} {field.name.value}", print_ast(node)))
    return found


def compile_times() -> list[tuple[str, float]]:
    """CPU milliseconds to plan and compile each operation with an engine that has seen none: median of engines."""
    sdl = _SUPERGRAPH.read_text("utf-8")
    engines = [Engine(sdl, transports={}) for _ in range(_ENGINES)]
    times = []
    for name, query in journey():
        spent = []
        for engine in engines:
            began = time.process_time_ns()
            engine.plan(query)
            spent.append((time.process_time_ns() - began) / 1e6)
        times.append((name, median(spent)))
    return times


def _renamed(query: str, number: int) -> str:
    """The operation with another response name for its first root field."""
    return re.sub(r"(\{\s*)(\w+)", rf"\1root{number}: \2", query, count=1)


def memory() -> dict[str, float]:
    """Resident memory of this process as operations are planned that differ in an alias."""
    imported = resident_mb()
    engine = Engine(_SUPERGRAPH.read_text("utf-8"), transports={})
    started = resident_mb()
    queries = [query for _, query in journey()]
    most = started
    for number in range(_OPERATIONS):
        engine.plan(_renamed(queries[number % len(queries)], number))
        if number % 500 == 0:
            most = max(most, resident_mb())
    after = resident_mb()
    return {
        "imported": imported,
        "started": started,
        "after": after,
        "peak": max(most, after),
        "operations": _OPERATIONS,
    }


if __name__ == "__main__":
    print(json.dumps(compile_times() if sys.argv[1] == "compile" else memory()))
