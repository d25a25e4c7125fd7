"""What goes into the engine and what it hands to transports."""

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from typing import Any, Literal, Protocol

import msgspec


class GraphQLRequest(msgspec.Struct, kw_only=True):
    """One client request.

    `variables` may be raw JSON bytes. `identity` is opaque: the engine only compares it (equal queries in flight are
    shared within one identity) and hands it to transports. `headers` are forwarded as they are. `deadline` is a time
    of the running event loop.
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | bytes | None = None
    extensions: dict[str, Any] | None = None
    identity: Hashable = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    deadline: float | None = None


class SubgraphRequest(msgspec.Struct, kw_only=True):
    """One request to one subgraph. `body` is the JSON to send; `query` and `variables` are what it says.

    `timeout` is in seconds; whoever sends it must give up then.
    """

    service: str
    body: bytes
    query: str
    variables: bytes
    kind: Literal["query", "mutation", "subscription"]
    identity: Hashable = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    timeout: float = 30.0

    @property
    def is_mutation(self) -> bool:
        return self.kind == "mutation"


class EngineResponse(msgspec.Struct, frozen=True):
    """`kind` tells whether execution began; `request_error` failed before it (HTTP status 400 in the new media type).

    `complete` says that no errors are in the answer.
    """

    body: bytes
    kind: Literal["data", "request_error"]
    complete: bool = True


# How a call that was begun ends: with an answer, with a failure, or with neither when nothing was sent after all.
Answered = Callable[[bytes | None, BaseException | None], None]


class Call(Protocol):
    """A request under way. After `cancel` its `Answered` is not called any more.

    Once that has been called, the call is over and not to be touched: it may stand for another request already.
    """

    def cancel(self) -> None: ...


class Transport(Protocol):
    """Carries requests to one subgraph. Raises SubgraphFailure; nothing else but cancellation.

    A transport that can also send at once, without waiting, has `begin(request, answered) -> Call | None`: None when
    it would have to wait. `answered` is called from the event loop, never before `begin` has returned.
    """

    async def execute(self, request: SubgraphRequest) -> bytes: ...

    def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]: ...
