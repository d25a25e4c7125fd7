"""Clients that go away at any moment: while they connect, ask, wait, or read."""

import asyncio
import contextlib
import json
import random
from urllib.parse import urlsplit
from uuid import uuid4

from tests.drills.buyers import REQUEST, STATUS

_EVENTS = (
    "{ events(first: 20) { edges { node { name combos(first: 2) { name } sessions { id sectors { available } } } } } }"
)
_ME = "{ me { name suggestions(first: 3) { id } reservations(first: 5) { edges { node { status } } } } }"
_FOLLOW = "subscription($r: ID!) { reservationStatus(id: $r) { status queuePosition } }"
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


async def leave_at_random(
    url: str, token: str, reservation_id: str, session: str, sector: str, number: int, *, seed: int
) -> None:
    """`number` clients, 50 at once, each of which leaves after 0 to 300 ms."""
    chance = random.Random(seed)
    places = asyncio.Semaphore(50)

    async def one() -> None:
        patience = chance.uniform(0, 0.3)
        kind = chance.choice(("query", "query", "me", "status", "request", "events", "socket", "socket"))
        async with places:
            await _leave(url, token, kind, patience, reservation_id, session, sector)

    await asyncio.gather(*(one() for _ in range(number)))


async def _leave(
    url: str, token: str, kind: str, patience: float, reservation_id: str, session: str, sector: str
) -> None:
    address = urlsplit(url)
    said: list[bytes]
    if kind == "socket":
        said = [
            _UPGRADE.format(path=address.path, host=address.netloc).encode(),
            _frame({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}),
            _frame(
                {
                    "id": "1",
                    "type": "subscribe",
                    "payload": {"query": _FOLLOW, "variables": {"r": reservation_id}},
                }
            ),
        ]
    else:
        document, variables, accept = {
            "query": (_EVENTS, {}, "application/json"),
            "me": (_ME, {}, "application/json"),
            "status": (STATUS, {"r": reservation_id}, "application/json"),
            "request": (REQUEST, {"s": session, "x": sector, "k": str(uuid4())}, "application/json"),
            "events": (_FOLLOW, {"r": reservation_id}, "text/event-stream"),
        }[kind]
        body = json.dumps({"query": document, "variables": variables}).encode()
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Accept: {accept}\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        said = [head.encode(), body]
    with contextlib.suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            async with asyncio.timeout(patience):
                for part in said:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(patience / 6)
                await reader.read(1 << 20)
                await asyncio.sleep(patience)
        finally:
            # Cut off, as by a phone that loses its network: no farewell of any protocol.
            writer.transport.abort()


def _frame(message: object) -> bytes:
    """A masked text frame (RFC 6455, 5.2) of less than 64 KiB; the mask is zero."""
    payload = json.dumps(message).encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + payload
