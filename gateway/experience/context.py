"""What one request brings along, and what its resolvers leave behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from gateway.experience.clients.services import Services
    from gateway.experience.default_suggestions import DefaultItem
    from gateway.experience.loaders import Loaders
    from gateway.experience.payment_requests import PaymentRequests
    from gateway.experience.request_queue import RequestQueue


class Send(Protocol):
    """Asks a service once, for whom this request is for.

    `variables` are encoded; `timeout` is in seconds. Gives the response's bytes, raises SourceUnavailable and
    SourceRefused. Cancelled, it gives back whatever it holds.
    """

    async def __call__(self, service: str, document: str, variables: bytes, timeout: float) -> bytes: ...  # noqa: ASYNC109


class Counter(Protocol):
    def count(self, name: str, value: int = 1, **dimensions: str) -> None: ...


class DefaultSuggestions(Protocol):
    """`stored` raises LookupError when there are none; `source` names where they are from."""

    source: str

    async def stored(self) -> tuple[DefaultItem, ...]: ...


@dataclass(frozen=True, slots=True)
class Adapters:
    """Everything outside this process that resolvers speak to; made once."""

    services: Services
    queue: RequestQueue
    payments: PaymentRequests
    defaults: DefaultSuggestions
    metrics: Counter


@dataclass
class Context:
    """`deadline` is a time of the running loop."""

    adapters: Adapters
    customer_id: UUID | None
    locale: str
    deadline: float
    send: Send
    degraded: list[dict[str, Any]] = field(default_factory=list)

    def degrade(self, path: list[str | int], source: str, reason: str) -> None:
        """Says that the answer at `path` was made without `source`."""
        entry = {"path": path, "source": source, "reason": reason}
        if entry not in self.degraded:
            self.degraded.append(entry)

    @cached_property
    def loaders(self) -> Loaders:
        from gateway.experience.loaders import Loaders

        return Loaders(self)
