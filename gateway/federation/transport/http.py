"""GraphQL over HTTP/1.1 to a subgraph: pooled keep-alive connections, TLS, Unix sockets, limits on everything."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gateway.federation.errors import (
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
    SupergraphError,
)
from gateway.federation.request import Answered, Call, SubgraphRequest
from gateway.federation.transport.connection import Connection
from gateway.federation.transport.websocket import WebSocketHub

HeadersFor = Callable[[SubgraphRequest], Mapping[str, str]]

# What frames the message, or belongs to one connection only, is never taken from callers.
_FRAMING = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "content-type",
        "accept",
        "accept-encoding",
        "upgrade",
    }
    | {"keep-alive", "te", "trailer", "proxy-authorization", "proxy-connection", "expect"}
)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Connections at once and kept idle, seconds that an idle one is trusted, seconds to connect, response bytes."""

    connections: int = 128
    idle: int = 128
    idle_seconds: float = 4.0
    connect_seconds: float = 2.0
    response_bytes: int = 32 * 1024 * 1024
    subscriptions: int = 1_000
    queued_events: int = 64


class HttpTransport:
    """Speaks to one URL (`http:`, `https:`, or `http+unix://%2Fpath%2Fto.sock/graphql`).

    `headers_for` makes the headers of each request, credentials included; headers that frame the message are ours.
    Raises SupergraphError for a URL that it cannot speak to. `close()` when done.
    """

    def __init__(
        self,
        url: str,
        *,
        headers_for: HeadersFor | None = None,
        limits: HttpLimits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ws_url: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https", "http+unix"} or not parts.netloc:
            raise SupergraphError(f"not a URL that HTTP can reach: {url!r}")
        self._limits = limits or HttpLimits()
        self._headers_for = headers_for or (lambda request: request.headers)
        self._unix = unquote(parts.netloc) if parts.scheme == "http+unix" else None
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = (ssl_context or ssl.create_default_context()) if parts.scheme == "https" else None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = "localhost" if self._unix else parts.netloc.rpartition("@")[2]
        self._head = (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            "Accept: application/graphql-response+json, application/json\r\n"
        ).encode("ascii")
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        derived = ws_url or url.replace("http", "ws", 1)
        self._sockets = WebSocketHub(derived, self._headers_for, self._limits.subscriptions, self._limits.queued_events)

    async def execute(self, request: SubgraphRequest) -> bytes:
        """The response body. Raises SubgraphFailure; cancelling closes the connection."""
        try:
            async with asyncio.timeout(request.timeout):
                return await self._execute(request)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error

    async def _execute(self, request: SubgraphRequest) -> bytes:
        head = self._head + self._print_headers(request)
        while True:
            connection, pooled = await self._acquire()
            try:
                status, body = await connection.send(head, request.body)
            except SubgraphUnavailable:
                # The server closed an idle connection as we wrote. No byte came back: a query may be sent again.
                if pooled and connection.fresh and request.kind == "query":
                    self._release(connection)
                    continue
                self._release(connection)
                raise
            except BaseException:
                connection.close()
                self._release(connection)
                raise
            self._release(connection)
            return _judge(status, body)

    def begin(self, request: SubgraphRequest, answered: Answered) -> Call | None:
        """Sends on an idle connection at once; None when there is none, or the headers cannot be sent."""
        connection = self._take_idle()
        if connection is None:
            return None
        try:
            head = self._head + self._print_headers(request)
        except SubgraphFailure:
            self._release(connection, reusable=True)
            return None
        call = _Sent(self._release, connection, request.kind == "query", answered)
        alone = self._open - len(self._idle) == 1
        connection.send_for(call, head, request.body, soon=not alone)
        return call

    def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        """Events over `graphql-transport-ws`; many subscriptions share one connection for each identity."""
        return self._sockets.subscribe(request)

    async def close(self) -> None:
        """Closes every idle connection and every subscription."""
        while self._idle:
            self._idle.pop().close()
            self._open -= 1
        await self._sockets.close()

    def _print_headers(self, request: SubgraphRequest) -> bytes:
        lines = []
        for name, value in self._headers_for(request).items():
            if name.lower() in _FRAMING:
                continue
            if not _is_clean(name) or not _is_clean(value) or " " in name or ":" in name:
                raise SubgraphMalformed("cannot be sent a header with control characters")
            lines.append(f"{name}: {value}\r\n")
        lines.append(f"Content-Length: {len(request.body)}\r\n\r\n")
        try:
            return "".join(lines).encode("latin-1")
        except UnicodeEncodeError as error:
            raise SubgraphMalformed("cannot be sent a header outside of Latin-1") from error

    # -- the pool ---------------------------------------------------------------------------------------------

    async def _acquire(self) -> tuple[Connection, bool]:
        """A connection and whether it has been used before. Waits for a place when all are in use."""
        connection = self._take_idle()
        if connection is not None:
            return connection, True
        loop = asyncio.get_running_loop()
        while self._open >= self._limits.connections:
            waiter = loop.create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                elif waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
            if self._idle:
                return await self._acquire()
        self._open += 1
        try:
            return await self._connect(), False
        except BaseException:
            self._left()
            raise

    def _take_idle(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._limits.idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and not connection.closed and connection.idle_since >= oldest:
                return connection
            connection.close()
            self._left()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                if self._unix is not None:
                    _, connection = await loop.create_unix_connection(self._make, self._unix)
                else:
                    _, connection = await loop.create_connection(self._make, self._host, self._port, ssl=self._ssl)
        except TimeoutError as error:
            raise SubgraphUnavailable("did not accept a connection in time").before_sending() from error
        except (OSError, ssl.SSLError) as error:
            raise SubgraphUnavailable("refused the connection").before_sending() from error
        return connection

    def _make(self) -> Connection:
        return Connection(self._limits.response_bytes)

    def _release(self, connection: Connection, reusable: bool = False) -> None:
        if (connection.reusable or reusable) and not connection.closed and len(self._idle) < self._limits.idle:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._wake()
        else:
            connection.close()
            self._left()

    def _left(self) -> None:
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _nobody(_answer: bytes | None, _failure: BaseException | None) -> None:
    """Who is told when nobody waits any more."""


class _Sent:
    """A request that was sent without waiting; stands where a future would."""

    __slots__ = ("_answered", "_connection", "_over", "_query", "_release")

    def __init__(
        self, release: Callable[[Connection], None], connection: Connection, query: bool, answered: Answered
    ) -> None:
        self._release = release
        self._connection = connection
        self._query = query
        self._answered = answered
        self._over = False

    def done(self) -> bool:
        return self._over

    def set_result(self, result: tuple[int, bytes], /) -> None:
        answered = self._leave()
        try:
            body = _judge(*result)
        except SubgraphFailure as failure:
            answered(None, failure)
        else:
            answered(body, None)

    def set_exception(self, exception: BaseException, /) -> None:
        unheard = self._connection.fresh and self._query and isinstance(exception, SubgraphUnavailable)
        # The server closed an idle connection as we wrote: as if nothing had been sent.
        self._leave()(None, None if unheard else exception)

    def cancel(self) -> None:
        self._connection.close()
        self._leave()

    def _leave(self) -> Answered:
        """Gives the connection back, and lets go of who is told: each refers to the other while under way."""
        self._over = True
        self._release(self._connection)
        answered, self._answered = self._answered, _nobody
        return answered


def _judge(status: int, body: bytes) -> bytes:
    """A 2xx answers; so does a GraphQL error response under another status, unless it is the server's refusal."""
    if 200 <= status < 300:
        return body
    if status in {400, 422, 500} and body.lstrip()[:1] == b"{" and (b'"errors"' in body or b'"data"' in body):
        return body
    failure: SubgraphFailure = SubgraphStatus(status)
    raise failure


def _is_clean(text: str) -> bool:
    return text.isprintable() or not any(ord(char) < 32 or ord(char) == 127 for char in text)
