"""Transports for all subgraphs of a supergraph, by the URLs that it names."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType

from gateway.federation.errors import SupergraphError
from gateway.federation.request import Transport
from gateway.federation.supergraph import read_supergraph
from gateway.federation.transport.http import HeadersFor, HttpLimits, HttpTransport

_NO_URLS: Mapping[str, str] = MappingProxyType({})
_NO_TRANSPORTS: Mapping[str, Transport] = MappingProxyType({})


@asynccontextmanager
async def connect_subgraphs(
    supergraph_sdl: str,
    *,
    urls: Mapping[str, str] = _NO_URLS,
    in_process: Mapping[str, Transport] = _NO_TRANSPORTS,
    headers_for: HeadersFor | None = None,
    limits: HttpLimits | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[dict[str, Transport]]:
    """A transport for each subgraph, by name, closed in the end.

    `urls` go before those of the supergraph. A subgraph on `inproc:NAME` is reached by `in_process[NAME]`, an
    InProcessTransport as a rule. Raises SupergraphError for a URL that nothing here can reach.
    """
    async with AsyncExitStack() as stack:
        transports: dict[str, Transport] = {}
        for graph in read_supergraph(supergraph_sdl).graphs.values():
            url = urls.get(graph.name, graph.url)
            scheme, _, rest = url.partition(":")
            if scheme == "inproc":
                if rest not in in_process:
                    raise SupergraphError(f"subgraph {graph.name!r}: nothing in this process is called {rest!r}")
                transports[graph.name] = in_process[rest]
                continue
            try:
                transport = HttpTransport(url, headers_for=headers_for, limits=limits, ssl_context=ssl_context)
            except SupergraphError as error:
                raise SupergraphError(f"subgraph {graph.name!r}: {error}") from error
            stack.push_async_callback(transport.close)
            transports[graph.name] = transport
        yield transports
