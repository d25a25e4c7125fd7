"""Server-sent events in the distinct connections mode of graphql-sse: one operation, one response.

(Protocol: github.com/enisdenjo/graphql-sse, PROTOCOL.md.)
"""

from typing import Final

from gateway.http.negotiation import CONTENT_TYPES
from gateway.http.streaming import Framing

_SILENCE: Final = b":\n\n"


def _next(body: bytes) -> bytes:
    return b"event: next\ndata: " + body + b"\n\n"


EVENTS: Final = Framing(CONTENT_TYPES["events"], _SILENCE, _next, b"event: complete\ndata: \n\n", _SILENCE)
