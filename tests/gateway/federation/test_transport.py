"""The HTTP transport against real servers that misbehave; `test_transport_events.py` has its WebSockets."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.federation import (
    HttpLimits,
    HttpTransport,
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphRequest,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
    SupergraphError,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
ANSWER = b'{"data":{"a":1}}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER


def request(kind: str = "query", timeout: float = 2.0, **more: object) -> SubgraphRequest:
    body = b'{"query":"{a}","variables":{}}'
    return SubgraphRequest(service="s", body=body, query="{a}", variables=b"{}", kind=kind, timeout=timeout, **more)  # type: ignore[arg-type]


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    await reader.readexactly(length)
    return head


@asynccontextmanager
async def server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server whose handler is called once for each connection, with the connection's number."""
    count = 0
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writers.append(writer)
        try:
            await handler(reader, writer, count)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{port}/graphql"
    finally:
        for writer in writers:
            writer.close()
        listening.close()


def saying(*chunks: bytes, pause: float = 0.0, stay: float = 0.0) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause)
        await asyncio.sleep(stay)

    return handler


async def ask(handler: Handler, limits: HttpLimits | None = None, **more: object) -> bytes:
    async with server(handler) as url:
        transport = HttpTransport(url, limits=limits)
        try:
            return await transport.execute(request(**more))  # type: ignore[arg-type]
        finally:
            await transport.close()


async def test_an_answer_may_come_in_any_framing() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\nb\r\n%s\r\n0\r\n\r\n" % (
        ANSWER[:5],
        ANSWER[5:],
    )
    until_close = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ANSWER
    informed = b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK
    for raw in (OK, chunked, until_close, informed):
        assert await ask(saying(raw)) == ANSWER
        assert await ask(saying(*[raw[n : n + 7] for n in range(0, len(raw), 7)])) == ANSWER


@pytest.mark.parametrize(
    ("handler", "failure"),
    [
        (saying(), SubgraphUnavailable),
        (saying(OK[:30]), SubgraphUnavailable),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), SubgraphUnavailable),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), SubgraphUnavailable),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), SubgraphMalformed),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), SubgraphMalformed),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), SubgraphMalformed),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n"), SubgraphMalformed),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), SubgraphMalformed),
        (saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"), SubgraphStatus),
        (
            saying(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"),
            SubgraphStatus,
        ),
    ],
)
async def test_what_is_no_answer_is_a_failure(handler: Handler, failure: type[SubgraphFailure]) -> None:
    with pytest.raises(failure):
        await ask(handler)


@pytest.mark.parametrize(
    "handler", [saying(stay=5), saying(OK[:20], stay=5), saying(*[OK[n : n + 1] for n in range(50)], pause=0.1)]
)
async def test_stalling_and_trickling_servers_cost_the_time_allowed(handler: Handler) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(SubgraphTimeout):
        await ask(handler, timeout=0.2)
    assert asyncio.get_running_loop().time() - began < 1.5


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + b"x" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_an_answer_has_a_largest_size(raw: bytes) -> None:
    with pytest.raises(SubgraphMalformed, match="more than is allowed"):
        await ask(saying(raw, stay=1), limits=HttpLimits(response_bytes=50_000))


async def again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    """Answers every request."""
    while True:
        await read_request(reader)
        writer.write(OK)


async def test_connections_are_kept_and_used_again() -> None:
    numbers = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await read_request(reader)
            numbers.append(number)
            writer.write(OK)

    async with server(handler) as url:
        transport = HttpTransport(url)
        for _ in range(3):
            await transport.execute(request())
        await transport.close()
    assert numbers == [1, 1, 1]


async def test_a_query_moves_to_a_fresh_connection_when_the_pooled_one_was_just_closed() -> None:
    """A mutation does not: nobody knows whether the server has seen it."""
    seen = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        seen.append(number)
        writer.write(OK)
        if number == 1:
            # The second request on the first connection is read and then dropped.
            await read_request(reader)
            return
        await reader.read()

    for kind, succeeds in (("query", True), ("mutation", False)):
        seen.clear()
        async with server(handler) as url:
            transport = HttpTransport(url)
            await transport.execute(request())
            if succeeds:
                assert await transport.execute(request(kind)) == ANSWER
                assert seen == [1, 2]
            else:
                with pytest.raises(SubgraphUnavailable):
                    await transport.execute(request(kind))
                assert seen == [1]
            await transport.close()


@pytest.mark.parametrize(("kind", "sent_again"), [("query", True), ("mutation", False)])
async def test_what_was_begun_on_a_connection_that_was_just_closed_is_sent_again_only_when_it_reads(
    kind: str, sent_again: bool
) -> None:
    """The server has read it, maybe done it, and hung up without a byte: that is told as a failure of a mutation."""
    heard: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        heard.append(number)

    told: asyncio.Future[tuple[bytes | None, BaseException | None]] = asyncio.get_running_loop().create_future()
    async with server(handler) as url:
        transport = HttpTransport(url)
        await transport.execute(request())
        call = transport.begin(request(kind), lambda *outcome: told.set_result(outcome))
        assert call is not None
        answer, failure = await asyncio.wait_for(told, 5)
        assert heard == [1]
        assert answer is None
        if sent_again:
            # "Nothing was sent after all": the ordinary way goes on.
            assert failure is None
        else:
            assert isinstance(failure, SubgraphUnavailable)
            assert failure.sent
        assert transport._open == 0
        await transport.close()


@pytest.mark.parametrize("more", [OK.replace(b'"a":1', b'"a":2'), b"HTTP/1.1 200 OK\r\nX: ", b"SSH-2.0", b"\r\n"])
async def test_bytes_that_nobody_asked_for_are_no_answer(more: bytes) -> None:
    """A server that answers twice must not answer the next request with the second."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(OK)
        if number == 1:
            writer.write(more)
        await asyncio.sleep(0.2)

    async with server(handler) as url:
        transport = HttpTransport(url)
        for _ in range(2):
            assert await transport.execute(request()) == ANSWER
            await asyncio.sleep(0.05)
        await transport.close()


@pytest.mark.parametrize("way", ["begin", "execute"])
async def test_a_connection_that_is_being_lost_is_not_used(way: str) -> None:
    """Nobody has been told of it yet: writing to it would be a fault of ours."""
    async with server(again) as url:
        transport = HttpTransport(url)
        await transport.execute(request())
        transport._idle[0]._transport.abort()
        if way == "begin":
            assert transport.begin(request(), lambda *_: None) is None
            assert transport._open == 0
        assert await transport.execute(request()) == ANSWER
        await transport.close()


async def test_a_connection_that_is_lost_before_its_request_is_written_is_as_if_nothing_had_been_sent() -> None:
    told: dict[str, tuple[bytes | None, BaseException | None]] = {}
    async with server(again) as url:
        transport = HttpTransport(url)
        await asyncio.gather(*(transport.execute(request()) for _ in range(2)))
        last = transport._idle[0]
        assert transport.begin(request(), lambda *outcome: told.update(first=outcome)) is not None
        assert transport.begin(request(), lambda *outcome: told.update(second=outcome)) is last
        last._transport.abort()
        await asyncio.sleep(0.05)
        assert told == {"first": (ANSWER, None), "second": (None, None)}
        await transport.close()


async def test_cancelling_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        try:
            if not await reader.read():
                gone.set()
        except ConnectionError:
            gone.set()

    async with server(handler) as url:
        transport = HttpTransport(url)
        call = asyncio.ensure_future(transport.execute(request()))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.wait_for(gone.wait(), 60)
        assert transport._open == 0


async def test_no_more_connections_than_allowed_are_open_at_once() -> None:
    now = most = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal now, most
        while True:
            await read_request(reader)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            writer.write(OK)

    async with server(handler) as url:
        transport = HttpTransport(url, limits=HttpLimits(connections=3))
        answers = await asyncio.gather(*(transport.execute(request()) for _ in range(20)))
        await transport.close()
    assert answers == [ANSWER] * 20
    assert most == 3


async def test_headers_are_sent_and_cannot_smuggle() -> None:
    heads = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        heads.append(await read_request(reader))
        writer.write(OK)

    async with server(handler) as url:
        transport = HttpTransport(url, headers_for=lambda req: {"X-Who": str(req.identity), "Content-Length": "1"})
        await transport.execute(request(identity="ana"))
        with pytest.raises(SubgraphMalformed):
            await transport.execute(request(identity="ana\r\nX-Role: admin"))
        await transport.close()
    assert b"X-Who: ana\r\n" in heads[0]
    assert heads[0].lower().count(b"content-length") == 1


async def test_nobody_listening_is_unavailable_and_odd_urls_are_refused() -> None:
    async with server(saying(OK)) as url:
        pass
    with pytest.raises(SubgraphUnavailable):
        await HttpTransport(url).execute(request())
    with pytest.raises(SupergraphError):
        HttpTransport("ftp://127.0.0.1/")


async def test_unix_sockets_are_spoken_to(tmp_path: Path) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(OK)(reader, writer, 1)
        writer.close()

    listening = await asyncio.start_unix_server(connected, tmp_path / "s.sock")
    transport = HttpTransport("http+unix://" + str(tmp_path / "s.sock").replace("/", "%2F") + "/graphql")
    assert await transport.execute(request()) == ANSWER
    await transport.close()
    listening.close()


async def test_tls_is_verified(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    make += f" -keyout {key} -out {certificate}"
    await asyncio.to_thread(subprocess.run, make.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with server(saying(OK), context) as url:
        trusting = HttpTransport(url, ssl_context=ssl.create_default_context(cafile=str(certificate)))
        assert await trusting.execute(request()) == ANSWER
        await trusting.close()
        with pytest.raises(SubgraphUnavailable):
            await HttpTransport(url).execute(request())


async def test_calls_at_the_same_moment_are_all_sent_and_a_cancelled_one_is_not() -> None:
    """Of several calls under way, those after the first are written at the end of the loop's turn."""
    heard: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await read_request(reader)
            heard.append(number)
            writer.write(OK)

    answers: list[bytes | None] = []
    async with server(handler) as url:
        transport = HttpTransport(url)
        await asyncio.gather(*(transport.execute(request()) for _ in range(4)))
        heard.clear()
        calls = [transport.begin(request(), lambda answer, _: answers.append(answer)) for _ in range(4)]
        assert None not in calls
        assert calls[3] is not None
        calls[3].cancel()
        await asyncio.sleep(0.1)
        assert answers == [ANSWER] * 3
        assert len(heard) == 3
        await transport.close()
