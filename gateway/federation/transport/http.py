"""GraphQL over HTTP/1.1 to a subgraph: pooled keep-alive connections, TLS, Unix sockets, limits on everything."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from gateway.federation.errors import (
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphOverloaded,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
    SupergraphError,
)
from gateway.federation.request import Answered, Call, SubgraphRequest
from gateway.federation.transport.connection import Connection, nobody
from gateway.federation.transport.websocket import SocketLimits, WebSocketHub

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
    sockets: SocketLimits = field(default_factory=SocketLimits)


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
        # When a connection was last free to be taken.
        self._moved_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        derived = ws_url or url.replace("http", "ws", 1)
        self._sockets = WebSocketHub(derived, self._headers_for, self._limits.sockets)

    async def execute(self, request: SubgraphRequest) -> bytes:
        """The response body. Raises SubgraphFailure; cancelling closes the connection."""
        try:
            async with asyncio.timeout(request.timeout):
                return await self._execute(request)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error

    async def _execute(self, request: SubgraphRequest) -> bytes:
        message = self._print(request)
        outcome: asyncio.Future[bytes | None]

        def told(answer: bytes | None, failure: BaseException | None) -> None:
            if outcome.done():
                return
            if failure is None:
                outcome.set_result(answer)
            else:
                outcome.set_exception(failure)

        while True:
            connection, pooled = await self._acquire()
            outcome = connection.loop.create_future()
            connection.answered = told
            connection.repeatable = pooled and request.kind == "query"
            try:
                connection.send(message)
                answer = await outcome
            except BaseException:
                if connection.answered is told:
                    connection.cancel()
                raise
            if answer is not None:
                return answer

    def begin(self, request: SubgraphRequest, answered: Answered) -> Call | None:
        """Sends on an idle connection at once; None when there is none, or the headers cannot be sent."""
        try:
            message = self._print(request)
        except SubgraphFailure:
            return None
        connection = self._take_idle()
        if connection is None:
            return None
        connection.answered = answered
        connection.repeatable = request.kind == "query"
        try:
            connection.send(message, soon=self._open - len(self._idle) > 1)
        except BaseException:
            connection.cancel()
            raise
        return connection

    def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        """Events over `graphql-transport-ws`; many subscriptions share one connection for each identity."""
        return self._sockets.subscribe(request)

    def is_stuck(self, seconds: float) -> bool:
        """Whether calls wait for a connection of which none has become free for so long: more than any call may take.

        It never happens while all that is taken is given back.
        """
        return bool(self._waiting) and asyncio.get_running_loop().time() - self._moved_at > seconds

    async def close(self) -> None:
        """Closes every idle connection and every subscription."""
        while self._idle:
            self._idle.pop().close()
            self._open -= 1
        await self._sockets.close()

    def _print(self, request: SubgraphRequest) -> bytes:
        """The whole HTTP request. Raises SubgraphMalformed."""
        headers, body = self._headers_for(request), request.body
        more = _print_headers(headers) if headers else b""
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, more, len(body), body)

    # -- the pool ---------------------------------------------------------------------------------------------

    async def _acquire(self) -> tuple[Connection, bool]:
        """A connection and whether it has been used before. Waits for a place when all are in use."""
        connection = self._take_idle()
        if connection is not None:
            return connection, True
        loop = asyncio.get_running_loop()
        while self._open >= self._limits.connections:
            if not self._waiting:
                self._moved_at = loop.time()
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
        while self._idle:
            connection = self._idle.pop()
            idle = connection.loop.time() - connection.idle_since
            if idle <= self._limits.idle_seconds and connection.is_open():
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
            failure = SubgraphUnavailable("did not accept a connection in time").before_sending()
            failure.late = True
            raise failure from error
        except (OSError, ssl.SSLError) as error:
            raise SubgraphUnavailable("refused the connection").before_sending() from error
        return connection

    def _make(self) -> Connection:
        return Connection(self._limits.response_bytes, self._ended, self._failed)

    def _ended(self, connection: Connection, status: int, body: bytes) -> None:
        answered = self._release(connection)
        if 200 <= status < 300 or _is_answer(status, body):
            answered(body, None)
        else:
            answered(None, _read_overload(status, body) or SubgraphStatus(status))

    def _failed(self, connection: Connection, failure: SubgraphFailure) -> None:
        # The server closed an idle connection as we wrote, and no byte came back: as if nothing had been sent.
        unheard = connection.fresh and connection.repeatable and isinstance(failure, SubgraphUnavailable)
        self._release(connection)(None, None if unheard else failure)

    def _release(self, connection: Connection) -> Answered:
        """Takes the connection back, and lets go of who is to be told: each refers to the other while under way."""
        answered, connection.answered = connection.answered, nobody
        if connection.reusable and len(self._idle) < self._limits.idle:
            connection.idle_since = connection.loop.time()
            self._idle.append(connection)
            if self._waiting:
                self._wake()
        else:
            connection.close()
            self._left()
        return answered

    def _left(self) -> None:
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._moved_at = waiter.get_loop().time()
                waiter.set_result(None)
                return


def _print_headers(headers: Mapping[str, str]) -> bytes:
    """Raises SubgraphMalformed for what would not be one header each."""
    lines = []
    for name, value in headers.items():
        if name.lower() in _FRAMING:
            continue
        if not _is_clean(name) or not _is_clean(value) or " " in name or ":" in name:
            raise SubgraphMalformed("cannot be sent a header with control characters").before_sending()
        lines.append(f"{name}: {value}\r\n")
    try:
        return "".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise SubgraphMalformed("cannot be sent a header outside of Latin-1").before_sending() from error


def _is_answer(status: int, body: bytes) -> bool:
    """Whether a status that is none of 2xx comes with a GraphQL response, and is not the server's refusal."""
    return status in {400, 422, 500} and body.lstrip()[:1] == b"{" and (b'"errors"' in body or b'"data"' in body)


def _read_overload(status: int, body: bytes) -> SubgraphOverloaded | None:
    """The failure that a 503 tells which has `{"errors": [{"extensions": {"code": "OVERLOADED", …}}]}` as its body."""
    if status != 503 or b'"OVERLOADED"' not in body:
        return None
    try:
        error = msgspec.json.decode(body, type=_Refusal).errors[0].extensions
    except (msgspec.MsgspecError, RecursionError, IndexError):
        return None
    return SubgraphOverloaded(error.retry_after_ms / 1000) if error.code == "OVERLOADED" else None


class _Extensions(msgspec.Struct, rename="camel"):
    code: str
    retry_after_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 1_000


class _Error(msgspec.Struct):
    extensions: _Extensions


class _Refusal(msgspec.Struct):
    errors: list[_Error]


def _is_clean(text: str) -> bool:
    return text.isprintable() or not any(ord(char) < 32 or ord(char) == 127 for char in text)
