"""Answers of more than one body: written as they come, until they end or nobody may have them any more."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.federation import RequestRefused
from gateway.http.asgi import Receive, Send
from gateway.http.refusals import error_body

log = structlog.get_logger(__name__)

# The event loop alone would not keep them.
_under_way: Final[set[asyncio.Task[bytes]]] = set()


@dataclass(frozen=True, slots=True)
class Framing:
    """How bodies follow one another: what stands first, around each, and last; `keep_alive` says nothing at all."""

    content_type: bytes
    head: bytes
    frame: Callable[[bytes], bytes]
    end: bytes
    keep_alive: bytes | None = None


async def to_its_end(bodies: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same bodies. The first is made whoever still waits for it: a mutation is not left half done."""
    gone = False

    async def begin() -> bytes:
        body = await anext(bodies)
        if gone:
            await bodies.aclose()
        return body

    first = asyncio.ensure_future(begin())
    _under_way.add(first)
    first.add_done_callback(_under_way.discard)
    try:
        body = await asyncio.shield(first)
    except BaseException:
        gone = True
        if first.done():
            await bodies.aclose()
        raise
    async with aclosing(bodies):
        yield body
        async for body in bodies:
            yield body


async def stream_bodies(
    bodies: AsyncGenerator[bytes],
    framing: Framing,
    expires_at: float | None,
    keep_alive: float,
    receive: Receive,
    send: Send,
) -> None:
    """Sends until the operation, the client's presence or the client's credentials end (Unix time)."""
    headers = [
        (b"content-type", framing.content_type),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # The head must not wait for the first body: clients time out on it.
    await send({"type": "http.response.body", "body": framing.head, "more_body": True})
    gone = asyncio.ensure_future(wait_until_gone(receive))
    sending = asyncio.ensure_future(_send_all(bodies, framing, expires_at, keep_alive, send))
    try:
        await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)
    if not sending.cancelled() and (failure := sending.exception()) is not None:
        raise failure


async def wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_all(
    bodies: AsyncGenerator[bytes], framing: Framing, expires_at: float | None, keep_alive: float, send: Send
) -> None:
    lock = asyncio.Lock()

    async def write(body: bytes) -> None:
        async with lock:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def beat() -> None:
        while framing.keep_alive is not None:
            await asyncio.sleep(keep_alive)
            await write(framing.keep_alive)

    beating = asyncio.ensure_future(beat())
    left = None if expires_at is None else max(0.0, expires_at - time.time())
    try:
        async with asyncio.timeout(left), aclosing(bodies):
            async for body in bodies:
                await write(framing.frame(body))
    except TimeoutError:
        await write(framing.frame(error_body("The access token has expired.", "UNAUTHENTICATED")))
    except RequestRefused as refused:
        await write(framing.frame(refused.body))
    except Exception:
        log.exception("stream_failed")
        await write(framing.frame(error_body("Unexpected error.", "INTERNAL_SERVER_ERROR")))
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
    await send({"type": "http.response.body", "body": framing.end, "more_body": False})
