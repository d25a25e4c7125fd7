"""One HTTP/1.1 connection to a server, as an asyncio protocol over httptools."""

import asyncio
from collections.abc import Callable

import httptools

from gateway.federation.errors import SubgraphFailure, SubgraphMalformed, SubgraphUnavailable
from gateway.federation.request import Answered

_HEADERS_MOST = 32_768
_READ = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})

# Who owns a connection is told how each request ended: with a status and a body, or with a failure.
Ended = Callable[["Connection", int, bytes], None]
Failed = Callable[["Connection", SubgraphFailure], None]


class Connection(asyncio.Protocol):
    """Sends one request at a time; as `request.Call` it stands for the one that is under way.

    `fresh` until a response byte has been seen for it, `reusable` once it has been answered well. `answered` and
    `repeatable` belong to whoever sends: who waits, and whether the request may be sent again.
    """

    def __init__(self, max_body: int, ended: Ended, failed: Failed) -> None:
        self.reusable = False
        self.fresh = True
        self.idle_since = 0.0
        self.answered: Answered = nobody
        self.repeatable = False
        self._max_body = max_body
        self._ended = ended
        self._failed = failed
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = False
        self._chunks: list[bytes] = []
        self._received = 0
        self._header_bytes = 0
        self._status = 0
        self._encoded = False
        self._delimited = False
        self._complete = False
        self._kept_alive = False
        self._excessive = False

    # -- asyncio ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        if not self._waiting:
            # Nobody asked: what a server says unasked is not an answer to the next request.
            self.close()
            return
        self.fresh = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                reason = "answered more than is allowed" if self._excessive else "answered what is not HTTP"
                self._fail(SubgraphMalformed(reason), error)
                return
            self._delimited = False
        # Not from within the parser: whoever hears of it may send the next request on this connection at once.
        if self._complete:
            self._finish(self._delimited and self._kept_alive)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if not self._waiting:
            return
        if self._received and not self._delimited and exc is None:
            # Without a length the end of the connection is the end of the body.
            self._status = self._parser.get_status_code()
            self._finish(False)
        else:
            self._fail(SubgraphUnavailable("closed the connection"), exc)

    # -- httptools --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            # More than was asked for: nothing that comes after it can be trusted.
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADERS_MOST:
            self._stop_excess()
        name = name.lower()
        if name not in _READ:
            return
        if name == b"content-encoding":
            self._encoded = value.strip().lower() != b"identity"
            return
        self._delimited = True
        if name == b"content-length" and int(value) > self._max_body:
            self._stop_excess()

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        if self._received > self._max_body:
            self._stop_excess()
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._complete = self._status >= 200
        self._kept_alive = self._parser.should_keep_alive()

    def _stop_excess(self) -> None:
        self._excessive = True
        raise _Stop

    # -- ours -------------------------------------------------------------------------------------------------

    def send(self, request: bytes, *, soon: bool = False) -> None:
        """Writes a request. Its owner is told how it ends, from within the event loop.

        `soon` writes it after what the loop is about to do. Requests that are written close together wake the server
        once; each by itself wakes it every time, which costs more than writing.
        """
        self._waiting = self.fresh = True
        self.reusable = self._encoded = self._delimited = self._complete = False
        self._received = self._header_bytes = 0
        if soon:
            self.loop.call_soon(self._write, request)
        else:
            self._transport.write(request)

    def _write(self, request: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(request)

    def is_open(self) -> bool:
        """Whether another request can be sent. A connection may be on its way to being lost."""
        return self.reusable and not self._transport.is_closing()

    def close(self) -> None:
        self.reusable = False
        self._transport.abort()

    def cancel(self) -> None:
        """Gives up the request under way: nobody is told how it ends."""
        self.answered = nobody
        self._fail(SubgraphUnavailable("was not waited for"))

    def _finish(self, reusable: bool) -> None:
        if self._encoded:
            self._fail(SubgraphMalformed("answered in an encoding that was not asked for"))
            return
        chunks, self._chunks = self._chunks, []
        self._waiting = False
        self.reusable = reusable
        self._ended(self, self._status, chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _fail(self, failure: SubgraphFailure, cause: BaseException | None = None) -> None:
        self._waiting = False
        self.close()
        failure.__cause__ = cause
        self._failed(self, failure)


def nobody(_answer: bytes | None, _failure: BaseException | None) -> None:
    """Who is told when nobody waits."""


class _Stop(Exception):
    """Raised through httptools' callbacks to stop the parser, which makes an error of its own of it."""
