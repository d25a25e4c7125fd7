"""Who is measured."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.gateway.operations import Operation
from benchmarks.gateway.processes import GATEWAY_CORE, Process, free_port, uvicorn
from infra.local.node import install_packages, node_program

PEERS: Final = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Contender:
    """A gateway. `command` is given the supergraph's file and the port.

    A peer that is not `plain` runs with an option that it does not come with.
    """

    key: str
    title: str
    path: str
    command: Callable[[Path, int], list[str]]
    environment: tuple[tuple[str, str], ...] = ()
    peer: bool = False
    plain: bool = True

    def start(self, operation: Operation, subgraphs: str, folder: Path) -> Process:
        """Start it over the operation's supergraph; it listens after `Process.wait`."""
        port, file = free_port(), folder / f"{operation.name}.graphql"
        file.write_text(operation.sdl(subgraphs), "utf-8")
        log = folder / f"{operation.name}-{self.key}.log"
        process = Process(self.title, self.command(file, port), port, log, core=GATEWAY_CORE)
        process.start(
            {
                "BENCH_OPERATION": operation.name,
                "BENCH_SUBGRAPHS": subgraphs,
                "NODE_ENV": "production",
                **dict(self.environment),
            }
        )
        return process


def _node(script: str, *more: str) -> Callable[[Path, int], list[str]]:
    return lambda file, port: [node_program(), str(PEERS / script), str(file), str(port), *more]


def _python(app: str) -> Callable[[Path, int], list[str]]:
    return lambda _, port: uvicorn(app, port)


OURS: Final = "ours"
BY_HAND: Final = "by-hand"
CONTENDERS: Final = (
    Contender(OURS, "This gateway", "/graphql", _python("benchmarks.gateway.ours:app")),
    Contender(
        "ours-sharing",
        "This gateway, sharing in flight",
        "/graphql",
        _python("benchmarks.gateway.ours:app"),
        (("BENCH_SHARE", "on"),),
    ),
    Contender(BY_HAND, "Compiled by hand", "/graphql", _python("benchmarks.gateway.by_hand:app")),
    Contender("apollo", "Apollo Gateway", "/graphql", _node("apollo.mjs"), peer=True),
    Contender("hive", "Hive Gateway", "/graphql", _node("hive.mjs"), peer=True),
    Contender(
        "hive-router", "Hive Gateway, Rust planner", "/graphql", _node("hive.mjs", "router"), peer=True, plain=False
    ),
)


def install_peers() -> None:
    """The peers' npm packages. Raises LocalFault."""
    install_packages(PEERS)


def start_subgraphs(folder: Path, core: int) -> Process:
    """All subgraphs, in one process. Raises DidNotStart."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.gateway.subgraphs", "--port", str(port)]
    process = Process("subgraphs", command, port, folder / "subgraphs.log", core=core)
    process.start({})
    process.wait()
    return process
