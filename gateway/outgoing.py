"""What the gateway says about a request to the services behind it, and how its experience asks them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.auth import Buyer, ServiceTokens
from gateway.experience.errors import ExperienceFault, SourceRefused, SourceUnavailable
from gateway.experience.subgraph import ExperienceSubgraph
from gateway.federation import (
    Guard,
    Policy,
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphOverloaded,
    SubgraphRejected,
    SubgraphRequest,
    SubgraphStatus,
    SubgraphTimeout,
    Transport,
)
from gateway.telemetry import current_trace

DEFAULT_LOCALE = "pt-BR"
# A service gives a mutation up before we no longer wait for it: what is told as a time-out was then not done.
_MUTATIONS_PART = 0.9
_encode = msgspec.json.Encoder().encode
# Where the request under way comes from. Never part of a key: a client may have many.
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)


@dataclass(frozen=True, slots=True)
class OutgoingHeaders:
    """A token for the one service with the customer in it, the language, the client's address, the time, the trace."""

    tokens: ServiceTokens

    def of_request(self, request: SubgraphRequest) -> dict[str, str]:
        buyer = request.identity if isinstance(request.identity, Buyer) else None
        made = {
            "Authorization": f"Bearer {self.tokens.token(request.service, buyer)}",
            "Accept-Language": request.headers.get("Accept-Language", DEFAULT_LOCALE),
        }
        # A subscription outlives the request that opened it, and its connection carries those of others.
        if request.kind != "subscription":
            left = request.timeout * (_MUTATIONS_PART if request.is_mutation else 1)
            made["X-Request-Timeout-Ms"] = str(max(1, int(left * 1000)))
            address = client_address.get()
            if address is not None:
                made["X-Client-Address"] = address
        trace = current_trace()
        if trace is not None:
            made["X-Request-Id"] = trace.request_id
            made["traceparent"] = trace.traceparent()
        return made


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """How the experience asks services: over the engine's connections to them, under guards of its own.

    `queries` and `mutations` are by service. Both have the places of their service in common, and breakers apart.
    """

    queries: Mapping[str, Guard]
    mutations: Mapping[str, Guard]

    @classmethod
    def over(cls, transports: Mapping[str, Transport], policies: Mapping[str, Policy]) -> "ServiceCalls":
        queries = {service: Guard(service, transports[service], policy) for service, policy in policies.items()}
        return cls(queries, {service: guard.under(guard.policy, apart=True) for service, guard in queries.items()})

    async def send(
        self, on_behalf: SubgraphRequest, service: str, document: str, variables: bytes, left: float
    ) -> bytes:
        """Asks once, within `left` seconds. Raises SourceUnavailable and SourceRefused."""
        mutates = document.startswith("mutation")
        request = SubgraphRequest(
            service=service,
            body=b'{"query":' + _encode(document) + b',"variables":' + variables + b"}",
            query=document,
            variables=variables,
            kind="mutation" if mutates else "query",
            identity=on_behalf.identity,
            headers=on_behalf.headers,
        )
        guard = (self.mutations if mutates else self.queries)[service]
        try:
            return await guard.execute(request, asyncio.get_running_loop().time() + left)
        except SubgraphFailure as failure:
            raise _as_source_fault(service, failure) from failure


def _as_source_fault(service: str, failure: SubgraphFailure) -> ExperienceFault:
    match failure:
        case SubgraphStatus(status=401 | 403):
            return SourceRefused(service, failure.code)
        case SubgraphStatus():
            return SourceUnavailable(service, f"http_{failure.status}")
        case SubgraphTimeout():
            return SourceUnavailable(service, "timeout")
        case SubgraphMalformed():
            return SourceUnavailable(service, "malformed")
        case SubgraphOverloaded() | SubgraphRejected():
            return SourceUnavailable(service, "overloaded", may_pass=False)
    return SourceUnavailable(service, "unavailable")


class _Sending:
    """Sends for one request, and gives up with it: what its resolvers share is ended by none of them alone."""

    def __init__(self, calls: ServiceCalls, request: SubgraphRequest) -> None:
        self._calls = calls
        self._request = request
        self._under_way: set[asyncio.Task[bytes]] = set()
        self._ended = False

    async def __call__(self, service: str, document: str, variables: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        if self._ended:
            raise SourceUnavailable(service, "deadline", may_pass=False)
        task = asyncio.ensure_future(self._calls.send(self._request, service, document, variables, timeout))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await task

    def end(self) -> None:
        self._ended = True
        for task in list(self._under_way):
            task.cancel()


def experience_call(
    experience: ExperienceSubgraph, calls: ServiceCalls
) -> Callable[[SubgraphRequest], Awaitable[dict[str, Any]]]:
    """The experience subgraph as a transport calls it."""

    async def call(request: SubgraphRequest) -> dict[str, Any]:
        buyer = request.identity if isinstance(request.identity, Buyer) else None
        sending = _Sending(calls, request)
        try:
            return await experience.answer(
                request.query,
                msgspec.json.decode(request.variables) if request.variables else {},
                customer_id=buyer.customer_id if buyer is not None else None,
                locale=request.headers.get("Accept-Language", DEFAULT_LOCALE),
                deadline=asyncio.get_running_loop().time() + request.timeout,
                send=sending,
            )
        finally:
            sending.end()

    return call
