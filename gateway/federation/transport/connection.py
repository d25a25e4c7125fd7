"""One HTTP/1.1 connection to a server, as an asyncio protocol over httptools."""

import asyncio
from typing import Protocol

import httptools

from gateway.federation.errors import SubgraphMalformed, SubgraphUnavailable

_HEADERS_MOST = 32_768


class Waiter(Protocol):
    """Who waits for an answer: a future, or what stands for one."""

    def done(self) -> bool: ...

    def set_result(self, result: tuple[int, bytes], /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class Connection(asyncio.Protocol):
    """Sends one request at a time. `fresh` until a response byte has been seen for the current request."""

    def __init__(self, max_body: int) -> None:
        self.reusable = False
        self.fresh = True
        self.closed = False
        self.idle_since = 0.0
        self._max_body = max_body
        self._transport: asyncio.Transport | None = None
        self._waiter: Waiter | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: list[bytes] = []
        self._received = 0
        self._header_bytes = 0
        self._encoded = False
        self._delimited = False
        self._complete = False
        self._ended = False
        self._kept_alive = False

    # -- asyncio ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._parser is None:
            # Nobody asked: what a server says unasked is not an answer to the next request.
            self.close()
            return
        self.fresh = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._ended:
                self._fail(SubgraphMalformed("answered what is not HTTP"), error)
                return
            self._delimited = False
        except _TooLarge:
            self._fail(SubgraphMalformed("answered more than is allowed"))
            return
        # Not from within the parser: whoever hears of it may send the next request on this connection at once.
        if self._ended:
            self._finish()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            if self._received and not self._delimited and exc is None and self._parser is not None:
                # Without a length the end of the connection is the end of the body.
                self._finish()
            else:
                self._fail(SubgraphUnavailable("closed the connection"), exc)

    # -- httptools --------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._ended:
            self._delimited = False
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADERS_MOST:
            raise _TooLarge
        lowered = name.lower()
        if lowered == b"content-length":
            self._delimited = True
            if int(value) > self._max_body:
                raise _TooLarge
        elif lowered == b"transfer-encoding":
            self._delimited = True
        elif lowered == b"content-encoding" and value.strip().lower() != b"identity":
            self._encoded = True

    def on_body(self, body: bytes) -> None:
        if self._ended:
            # More than was announced: nothing that comes after it can be trusted.
            self._delimited = False
            return
        self._received += len(body)
        if self._received > self._max_body:
            raise _TooLarge
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._parser is not None and self._parser.get_status_code() // 100 == 1:
            return
        self._ended = True
        self._kept_alive = self._parser is not None and self._parser.should_keep_alive()

    # -- ours -------------------------------------------------------------------------------------------------

    def send(self, head: bytes, body: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Writes a request; the future gives status and body. It fails with a SubgraphFailure."""
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.send_for(future, head, body)
        return future

    def send_for(self, waiter: Waiter, head: bytes, body: bytes, *, soon: bool = False) -> None:
        """Writes a request whose answer `waiter` is told, from within the event loop.

        `soon` writes it after what the loop is about to do. Requests that are written close together wake the server
        once; each by itself wakes it every time, which costs more than writing.
        """
        if self._transport is None:
            raise SubgraphUnavailable("is not connected")
        self._waiter = waiter
        self._parser = httptools.HttpResponseParser(self)
        self._chunks = []
        self._received = self._header_bytes = 0
        self._encoded = self._delimited = self._complete = self._ended = False
        self.fresh = True
        self.reusable = False
        if soon:
            asyncio.get_running_loop().call_soon(self._write, head + body)
        else:
            self._transport.write(head + body)

    def _write(self, request: bytes) -> None:
        if self._transport is not None and not self.closed:
            self._transport.write(request)

    def close(self) -> None:
        self.closed = True
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _finish(self) -> None:
        waiter, parser = self._waiter, self._parser
        if waiter is None or parser is None or self._complete:
            return
        self._complete = True
        if waiter.done():
            return
        if self._encoded:
            self._fail(SubgraphMalformed("answered in an encoding that was not asked for"))
            return
        self.reusable = self._delimited and self._kept_alive and not self.closed
        self._waiter = None
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        waiter.set_result((parser.get_status_code(), body))

    def _fail(self, failure: Exception, cause: BaseException | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        self.close()
        if waiter is not None and not waiter.done():
            failure.__cause__ = cause
            waiter.set_exception(failure)


class _TooLarge(Exception):
    """Raised through httptools' callbacks to stop the parser."""
