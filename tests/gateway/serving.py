"""A real server on a port of its own, for what is tested through the socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from gateway.http.server import GatheringProtocol


@asynccontextmanager
async def serve(app: Any, lifespan: str = "auto", port: int = 0) -> AsyncIterator[str]:
    """The address (`127.0.0.1:<port>`) at which the application answers inside the block."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        http=GatheringProtocol,
        ws="websockets-sansio",
        proxy_headers=False,
        lifespan=lifespan,
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        if running.done():
            await running
            raise AssertionError("the server did not start")
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await running
