"""The bytes of a request's body, within limits of size and time."""

import asyncio
from contextlib import suppress
from typing import Final

from gateway.http.asgi import Message, Receive
from gateway.http.limits import DoorLimits
from gateway.http.refusals import ClientGone, HttpRefusal

_DISCARDED_BODIES: Final = 8
_DISCARD_SECONDS: Final = 1.0


async def read_body(receive: Receive, declared: bytes | None, limits: DoorLimits) -> bytes:
    """`declared` is the Content-Length header. Raises HttpRefusal (408, 413) and ClientGone."""
    if declared is not None and declared.isdigit() and int(declared) > limits.body_bytes:
        await _discard(receive, limits)
        raise _too_large(limits)
    first = _take_ready(receive)
    if first is not None and first["type"] == "http.request" and not first.get("more_body", False):
        body: bytes = first.get("body", b"")
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
        return body
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(receive, await receive() if first is None else first, limits)
    except TimeoutError as exc:
        closing = ((b"connection", b"close"),)
        raise HttpRefusal(408, "The request did not arrive in time.", "REQUEST_TIMEOUT", closing) from exc


def _take_ready(receive: Receive) -> Message | None:
    """The next message when it is there already, as most bodies are: a timer costs more than reading them.

    Otherwise None, and nothing is taken: a `receive` that has to wait is given up as if it had been cancelled.
    """
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as ready:
        message: Message = ready.value
        return message
    step.close()
    return None


async def _read(receive: Receive, message: Message, limits: DoorLimits) -> bytes:
    """The body that begins with `message`."""
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limits.body_bytes:
            if more:
                await _discard(receive, limits)
            raise _too_large(limits)
        chunks.append(chunk)
        if not more:
            return b"".join(chunks)
        message = await receive()


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
