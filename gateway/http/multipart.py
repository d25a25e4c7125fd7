"""Incremental delivery over HTTP: an answer in parts as `multipart/mixed`.

(GraphQL over HTTP, RFC "Incremental Delivery over HTTP"; RFC 2046, section 5.1.)
"""

from typing import Final

from gateway.federation import IncrementalFormat
from gateway.http.negotiation import PartsWanted
from gateway.http.streaming import Framing

_PART: Final = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
_DELIMITER: Final = b"\r\n---"


def multipart(wanted: PartsWanted) -> Framing:
    """Each delimiter follows its part at once, so that a client need not wait for the next to know that it has all."""
    content_type = 'multipart/mixed; boundary="-"' + (f"; {wanted.parameter}" if wanted.parameter else "")
    return Framing(content_type.encode(), _DELIMITER, _frame, b"--\r\n")


def incremental_format(wanted: PartsWanted) -> IncrementalFormat:
    return "20220824" if wanted.parameter == "deferSpec=20220824" else "current"


def _frame(body: bytes) -> bytes:
    return _PART + body + _DELIMITER
