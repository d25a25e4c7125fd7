"""Requests that never reach the engine, as GraphQL-shaped answers."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import msgspec


class HttpRefusal(Exception):
    """`status` is the HTTP status, `code` goes into the error's extensions, `headers` are added to the answer.

    `retry_after`, in seconds, goes into both.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "BAD_REQUEST",
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.extensions: dict[str, Any] = {"code": code}
        self.headers = tuple(headers)
        if retry_after is not None:
            self.extensions["retryAfterMs"] = round(retry_after * 1000)
            self.headers += ((b"retry-after", b"%d" % ceil(retry_after)),)

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [{"message": str(self), "extensions": self.extensions}]

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"errors": self.errors})


def overloaded(retry_after: float) -> HttpRefusal:
    """Too much to do; nothing of the request was done. `retry_after` is in seconds."""
    return HttpRefusal(503, "Too much to do at the moment.", "OVERLOADED", retry_after=retry_after)


class ClientGone(Exception):
    """The client closed the connection before its request was complete: nobody is there to be answered."""


def error_body(message: str, code: str) -> bytes:
    """A GraphQL response without data."""
    return msgspec.json.encode({"errors": [{"message": message, "extensions": {"code": code}}]})
