"""Writes that are gathered: the same bytes, in the same order, as soon as before, whatever a connection's fate."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect

from gateway.http.asgi import Receive, Scope, Send, respond
from gateway.http.server import _GatheringTransport
from tests.gateway.serving import serve


class App:
    """`/echo?N` answers N bytes, `/held` when it may, `/stream` a part and, when it may, another; WebSockets echo."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.held = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._echo(receive, send)
        elif scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await self.may_end.wait()
            await send({"type": "http.response.body", "body": b"last", "more_body": False})
        else:
            if scope["path"] == "/held":
                self.held.set()
                await self.may_end.wait()
            await respond(send, 200, b"x" * int(scope["query_string"] or b"5"), b"text/plain")

    async def _echo(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def address(app: App) -> AsyncIterator[tuple[str, int]]:
    """Of a server at which a request is under way all the time: an answer is never alone."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with serve(app, lifespan="off") as found:
        host, port = found.split(":")
        _, writer = await ask((host, int(port)), "/held")
        await asyncio.wait_for(app.held.wait(), 60)
        yield host, int(port)
        app.may_end.set()
        writer.close()
        await asyncio.sleep(0.05)
    assert not faults


async def ask(address: tuple[str, int], *targets: str, more: str = "") -> tuple[asyncio.StreamReader, Any]:
    """A connection on which the targets are asked for at once."""
    reader, writer = await asyncio.open_connection(*address, limit=1 << 24)
    for target in targets:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: test\r\n{more}\r\n".encode())
    return reader, writer


async def read_answer(reader: asyncio.StreamReader) -> int:
    """The body's length."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert await asyncio.wait_for(reader.readexactly(length), 60) == b"x" * length
    return length


async def test_answers_are_whole_and_in_order(address: tuple[str, int]) -> None:
    sizes = [0, 1, 300, 200_000, 3_000_000, 7]

    async def one() -> list[int]:
        reader, writer = await ask(address, *(f"/echo?{size}" for size in sizes))
        found = [await read_answer(reader) for _ in sizes]
        writer.close()
        return found

    assert await asyncio.gather(*(one() for _ in range(8))) == [sizes] * 8


async def test_a_connection_that_is_to_be_closed_ends_behind_its_answer(address: tuple[str, int]) -> None:
    reader, writer = await ask(address, "/echo?100000", more="Connection: close\r\n")
    assert await read_answer(reader) == 100_000
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_what_is_sent_first_does_not_wait_for_what_comes_later(address: tuple[str, int], app: App) -> None:
    reader, writer = await ask(address, "/stream")
    await asyncio.wait_for(reader.readuntil(b"5\r\nfirst\r\n"), 60)
    app.may_end.set()
    await asyncio.wait_for(reader.readuntil(b"4\r\nlast\r\n0\r\n\r\n"), 60)
    writer.close()


async def test_websockets_go_through(address: tuple[str, int]) -> None:
    host, port = address
    async with connect(f"ws://{host}:{port}/") as socket:
        for text in ("one", "two" * 100_000):
            await socket.send(text)
            assert await asyncio.wait_for(socket.recv(), 60) == text


async def test_a_client_that_resets_its_connection_disturbs_nobody(address: tuple[str, int]) -> None:
    for _ in range(5):
        _, writer = await ask(address, "/echo?3000000")
        await asyncio.sleep(0.002)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
    reader, writer = await ask(address, "/echo?10")
    assert await read_answer(reader) == 10
    writer.close()


class Below:
    """Notes what reaches the real transport."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.calls.append((name, *given))


async def test_writes_of_one_turn_go_out_together() -> None:
    below, tasks = Below(), [1, 2]
    above = _GatheringTransport(below, asyncio.get_running_loop(), tasks)  # type: ignore[arg-type]
    above.write(b"head")
    above.write(b"body")
    assert below.calls == []
    await asyncio.sleep(0)
    assert below.calls == [("writelines", [b"head", b"body"])]
    above.write(b"more")
    above.close()
    assert below.calls[1:] == [("writelines", [b"more"]), ("close",)]
    await asyncio.sleep(0)
    tasks.clear()
    above.write(b"alone")
    assert below.calls[3:] == [("write", b"alone")]


async def test_nothing_is_written_to_a_connection_that_was_lost_meanwhile() -> None:
    below = Below()
    above = _GatheringTransport(below, asyncio.get_running_loop(), [1, 2])  # type: ignore[arg-type]
    above.write(b"late")
    below.closing = True
    await asyncio.sleep(0)
    assert below.calls == []
