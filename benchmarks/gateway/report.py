"""The tables, as text that is also Markdown."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.gateway.contenders import BY_HAND
from benchmarks.gateway.operations import Operation
from benchmarks.gateway.processes import ROOT
from infra.local.node import node_program

if TYPE_CHECKING:
    from benchmarks.gateway.__main__ import Measured


def machine() -> str:
    """The machine and the programs that everything was measured with."""
    info = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    fields = [line.partition(":")[::2] for line in info]
    model = next((value.strip() for key, value in fields if key.strip() == "model name"), "unknown")
    mhz = next((value.strip() for key, value in fields if key.strip() == "cpu MHz"), "unknown")
    cores = sum(key.strip() == "processor" for key, _ in fields)
    node = subprocess.run([node_program(), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    head = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools", "msgspec"))
    return (
        f"{model}, {mhz} MHz, {cores} cores; Linux {platform.release()}; Python {platform.python_version()}, "
        f"{libraries}; Node {node}; commit {commit}; load average at the start {os.getloadavg()[0]:.1f}"
    )


def print_table(operation: Operation, rows: "Sequence[Measured]", answer: bytes) -> None:
    """One operation's rows. Ratios are between medians of the rounds: to the better peer as peers come, to the best
    with the options that were tried, and to the plan compiled by hand."""
    plain = [row.rate for row in rows if row.contender.peer and row.contender.plain]
    peers = [row.rate for row in rows if row.contender.peer]
    hand = next((row.rate for row in rows if row.contender.key == BY_HAND), None)
    print(f"\n**{operation.title}** ({len(answer) / 1000:.1f} KB)\n")
    print(
        "| | requests per CPU-second | × better peer | × best option | of by hand "
        "| requests/s | p50 ms | p99 ms | peak MB | errors |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        rounds = " · ".join(f"{rate:,.0f}" for rate in row.rates)
        rate = f"{row.rate:,.0f} ({rounds})" if len(row.rates) > 1 else rounds
        ratio = f"{row.rate / max(plain):.2f}" if plain else "–"
        option = f"{row.rate / max(peers):.2f}" if peers else "–"
        bound = f"{row.rate / hand:.2f}" if hand else "–"
        print(
            f"| {row.contender.title} | {rate} | {ratio} | {option} | {bound} | {median(row.per_second):,.0f} "
            f"| {median(row.p50):.2f} | {median(row.p99):.2f} | {row.peak_mb:.0f} | {row.errors} |",
            flush=True,
        )


@dataclass(frozen=True, slots=True)
class Alone:
    """The slowest path through the subgraphs without a gateway (p50, ms): from its core, as it calls them, and from
    theirs, where no call has to wake another core.
    """

    from_gateway: float
    from_subgraphs: float


def print_added(rows: "Sequence[Measured]", alone: Alone) -> None:
    """Latency at one client over the subgraphs' own."""
    path = alone.from_gateway
    print(
        f"\nOne client, p50: the slowest path through the subgraphs alone {path:.3f} ms from the gateway's core "
        f"({alone.from_subgraphs:.3f} from theirs); ",
        end="",
    )
    print(", ".join(f"{row.contender.title} {row.one_client:.3f} ms (+{row.one_client - path:.3f})" for row in rows))


def print_cold(cold: dict[str, Any]) -> None:
    """Compile times and memory."""
    print("\n| operation of the journey | cold compile, CPU ms |\n|---|---|")
    for name, milliseconds in cold["compile"]:
        print(f"| {name} | {milliseconds:.2f} |")
    memory = cold["memory"]
    print(
        f"\nMemory: {memory['imported']:.0f} MB with the modules loaded, {memory['started']:.0f} MB with the engine, "
        f"{memory['after']:.0f} MB after {memory['operations']:,} different operations (at most {memory['peak']:.0f})."
    )
