"""Server-sent events in the distinct connections mode of graphql-sse: one operation, one response.

(Protocol: github.com/enisdenjo/graphql-sse, PROTOCOL.md.)
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Final, cast

import structlog

from gateway.federation import RequestRefused
from gateway.http.asgi import Receive, Send
from gateway.http.negotiation import CONTENT_TYPES
from gateway.http.refusals import error_body

log = structlog.get_logger(__name__)

_KEEP_ALIVE: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata: \n\n"


async def stream_events(
    events: AsyncIterator[bytes], expires_at: float | None, keep_alive: float, receive: Receive, send: Send
) -> None:
    """Sends until the operation, the client's presence or the client's credentials end (Unix time)."""
    headers = [
        (b"content-type", CONTENT_TYPES["events"]),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # The head must not wait for the first event: clients time out on it.
    await send({"type": "http.response.body", "body": _KEEP_ALIVE, "more_body": True})
    gone = asyncio.ensure_future(_wait_until_gone(receive))
    sending = asyncio.ensure_future(_send_all(events, expires_at, keep_alive, send))
    try:
        await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)
    if not sending.cancelled() and (failure := sending.exception()) is not None:
        raise failure


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_all(events: AsyncIterator[bytes], expires_at: float | None, keep_alive: float, send: Send) -> None:
    lock = asyncio.Lock()

    async def write(body: bytes) -> None:
        async with lock:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def beat() -> None:
        while True:
            await asyncio.sleep(keep_alive)
            await write(_KEEP_ALIVE)

    beating = asyncio.ensure_future(beat())
    left = None if expires_at is None else max(0.0, expires_at - time.time())
    try:
        async with asyncio.timeout(left), aclosing(cast("Any", events)):
            async for event in events:
                await write(_next(event))
    except TimeoutError:
        await write(_next(error_body("The access token has expired.", "UNAUTHENTICATED")))
    except RequestRefused as refused:
        await write(_next(refused.body))
    except Exception:
        log.exception("stream_failed")
        await write(_next(error_body("Unexpected error.", "INTERNAL_SERVER_ERROR")))
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
    await send({"type": "http.response.body", "body": _COMPLETE, "more_body": False})


def _next(body: bytes) -> bytes:
    return b"event: next\ndata: " + body + b"\n\n"
