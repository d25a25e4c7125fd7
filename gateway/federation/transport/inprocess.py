"""A subgraph that lives in this process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from gateway.federation.errors import SubgraphFailure, SubgraphUnavailable
from gateway.federation.request import SubgraphRequest

Answer = bytes | dict[str, Any]


class InProcessTransport:
    """Calls a function instead of a server. What it raises counts as the subgraph being unavailable.

    `call` answers a request with a response, as bytes or as JSON values; `subscribe` with a stream of them.
    """

    def __init__(
        self,
        call: Callable[[SubgraphRequest], Awaitable[Answer]],
        subscribe: Callable[[SubgraphRequest], AsyncIterator[Answer]] | None = None,
    ) -> None:
        self._call = call
        self._subscribe = subscribe

    async def execute(self, request: SubgraphRequest) -> bytes:
        try:
            return _as_bytes(await self._call(request))
        except SubgraphFailure:
            raise
        except Exception as error:
            raise SubgraphUnavailable("failed") from error

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        if self._subscribe is None:
            raise SubgraphUnavailable("offers no subscriptions")
        try:
            async for event in self._subscribe(request):
                yield _as_bytes(event)
        except SubgraphFailure:
            raise
        except Exception as error:
            raise SubgraphUnavailable("failed") from error


def _as_bytes(answer: Answer) -> bytes:
    return answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
