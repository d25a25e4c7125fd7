"""This gateway as measured: the engine behind its HTTP door.

uvicorn imports `app`; the environment names the operation's supergraph and where its subgraphs are, and whether
identical requests in flight are shared.
"""

import os
from urllib.parse import urlsplit

from benchmarks.gateway.operations import OPERATIONS, Operation
from gateway.collector import settle_collector
from gateway.federation import Engine, EngineSettings, HttpTransport
from gateway.federation.supergraph import read_supergraph
from gateway.http import Caller, GraphQLDoor


async def _nobody(_: str | None) -> Caller:
    return Caller()


def make_app(operation: Operation, subgraphs: str, *, share: bool) -> GraphQLDoor:
    """The gateway over the operation's supergraph, with subgraphs at the base address `subgraphs`."""
    sdl = operation.sdl(subgraphs)
    urls = {graph.name: graph.url for graph in read_supergraph(sdl, frozenset()).graphs.values()}
    transports = {name: HttpTransport(url) for name, url in urls.items() if urlsplit(url).scheme}
    engine = Engine(sdl, transports=transports, settings=EngineSettings(share_in_flight=share))
    return GraphQLDoor(engine, _nobody)


if "BENCH_OPERATION" in os.environ:
    app = make_app(
        OPERATIONS[os.environ["BENCH_OPERATION"]],
        os.environ["BENCH_SUBGRAPHS"],
        share=os.environ.get("BENCH_SHARE") == "on",
    )
    settle_collector()
