"""Requests that never reach the engine, as GraphQL-shaped answers."""

from collections.abc import Sequence

import msgspec


class HttpRefusal(Exception):
    """`status` is the HTTP status, `code` goes into the error's extensions, `headers` are added to the answer."""

    def __init__(
        self, status: int, message: str, code: str = "BAD_REQUEST", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = tuple(headers)

    @property
    def body(self) -> bytes:
        return error_body(str(self), self.code)


class ClientGone(Exception):
    """The client closed the connection before its request was complete: nobody is there to be answered."""


def error_body(message: str, code: str) -> bytes:
    """A GraphQL response without data."""
    return msgspec.json.encode({"errors": [{"message": message, "extensions": {"code": code}}]})
