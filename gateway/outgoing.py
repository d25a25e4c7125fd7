"""What the gateway says about a request to the services behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.auth import Buyer, ServiceTokens
from gateway.experience.subgraph import ExperienceSubgraph
from gateway.federation import SubgraphRequest
from gateway.telemetry import current_trace

DEFAULT_LOCALE = "pt-BR"


@dataclass(frozen=True, slots=True)
class OutgoingHeaders:
    """A token for the one service with the customer in it, the languages, what is left of the time, the trace."""

    tokens: ServiceTokens

    def of_request(self, request: SubgraphRequest) -> dict[str, str]:
        # A subscription outlives the request that opened it.
        left = None if request.kind == "subscription" else request.timeout
        return self.make(request.service, request.identity, request.headers, left)

    def make(self, service: str, identity: Hashable, headers: Mapping[str, str], left: float | None) -> dict[str, str]:
        """`left` is in seconds."""
        buyer = identity if isinstance(identity, Buyer) else None
        made = {
            "Authorization": f"Bearer {self.tokens.token(service, buyer)}",
            "Accept-Language": headers.get("Accept-Language", DEFAULT_LOCALE),
        }
        if left is not None:
            made["X-Request-Timeout-Ms"] = str(max(1, int(left * 1000)))
        trace = current_trace()
        if trace is not None:
            made["X-Request-Id"] = trace.request_id
            made["traceparent"] = trace.traceparent()
        return made


def experience_call(
    experience: ExperienceSubgraph, outgoing: OutgoingHeaders
) -> Callable[[SubgraphRequest], Awaitable[dict[str, Any]]]:
    """The experience subgraph as a transport calls it."""

    async def call(request: SubgraphRequest) -> dict[str, Any]:
        buyer = request.identity if isinstance(request.identity, Buyer) else None
        return await experience.answer(
            request.query,
            msgspec.json.decode(request.variables) if request.variables else {},
            customer_id=buyer.customer_id if buyer is not None else None,
            locale=read_locale(request.headers.get("Accept-Language")),
            deadline=asyncio.get_running_loop().time() + request.timeout,
            headers_for=lambda service, left: outgoing.make(service, request.identity, request.headers, left),
        )

    return call


def read_locale(accept_language: str | None) -> str:
    """pt-BR or en: the first of the two that the client names, pt-BR when it names neither."""
    for part in (accept_language or "").split(","):
        language = part.split(";")[0].strip().lower()
        if language == "en" or language.startswith("en-"):
            return "en"
        if language == "pt" or language.startswith("pt-"):
            return DEFAULT_LOCALE
    return DEFAULT_LOCALE
