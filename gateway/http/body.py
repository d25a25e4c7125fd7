"""The bytes of a request's body, within limits of size and time."""

import asyncio
from contextlib import suppress
from typing import Final

from gateway.http.asgi import Receive
from gateway.http.limits import DoorLimits
from gateway.http.refusals import ClientGone, HttpRefusal

_DISCARDED_BODIES: Final = 8
_DISCARD_SECONDS: Final = 1.0


async def read_body(receive: Receive, declared: bytes | None, limits: DoorLimits) -> bytes:
    """`declared` is the Content-Length header. Raises HttpRefusal (408, 413) and ClientGone."""
    if declared is not None and declared.isdigit() and int(declared) > limits.body_bytes:
        await _discard(receive, limits)
        raise _too_large(limits)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limits.body_bytes:
                    if message.get("more_body", False):
                        await _discard(receive, limits)
                    raise _too_large(limits)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as exc:
        closing = ((b"connection", b"close"),)
        raise HttpRefusal(408, "The request did not arrive in time.", "REQUEST_TIMEOUT", closing) from exc


async def _discard(receive: Receive, limits: DoorLimits) -> None:
    """Takes what is on its way, up to a bound: a client hears a refusal only when it has been listened to."""
    left = _DISCARDED_BODIES * limits.body_bytes
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limits: DoorLimits) -> HttpRefusal:
    # Something of the body may be left unread: the connection cannot be used again.
    message = f"The request is larger than {limits.body_bytes} bytes."
    return HttpRefusal(413, message, "PAYLOAD_TOO_LARGE", ((b"connection", b"close"),))
