"""Request bodies, read only up to a limit."""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException, Request

MAX_BODY_BYTES: Final = 64 * 1024


async def read_body(request: Request) -> bytes:
    """Raises 413 as soon as the body is longer than 64 KiB."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY_BYTES:
            raise HTTPException(413, "body is larger than 64 KiB")
    return bytes(parts)
