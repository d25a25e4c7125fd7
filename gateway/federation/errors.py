"""What can go wrong in the engine, as one tree.

FederationError
├── SupergraphError            the supergraph SDL cannot be served (raised when the engine is made)
├── InvalidPolicy              a declared policy can never hold (raised when policies or the engine are made)
├── RequestRefused             the request never began to execute; carries the whole response body
├── PlanningFailed             no sequence of fetches answers the operation
└── SubgraphFailure            one fetch brought nothing usable
    ├── SubgraphUnavailable    no connection, or it broke
    ├── SubgraphTimeout        no answer within the time allowed
    ├── SubgraphStatus         an HTTP status that carries no GraphQL answer
    ├── SubgraphMalformed      bytes that are no GraphQL answer, or one that is too large
    ├── SubgraphOverloaded     it has too much to do and has done nothing of this; says when to come again
    └── SubgraphRejected       the policy let nothing through (breaker open, too many calls waiting)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec


class FederationError(Exception):
    """The root of the engine's errors."""


class SupergraphError(FederationError):
    """The supergraph SDL is not one, or uses what the engine does not know."""


class InvalidPolicy(FederationError, ValueError):
    """A policy is declared for what does not exist, or declares what can never hold there."""


class PlanningFailed(FederationError):
    """No sequence of fetches answers the operation: the supergraph promises a field that nobody can reach."""


class RequestRefused(FederationError):
    """The request failed before execution (syntax, validation, limits, variables).

    `errors` are GraphQL errors as plain values; `body` is the whole response, encoded.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(str(error.get("message")) for error in errors))
        self.errors = [dict(error) for error in errors]
        self.body = msgspec.json.encode({"errors": self.errors})

    @classmethod
    def because(cls, message: str, code: str) -> "RequestRefused":
        return cls([{"message": message, "extensions": {"code": code}}])


class SubgraphFailure(FederationError):
    """One fetch brought nothing usable. `code` goes to clients; the message names no address.

    `sent` is False where it is certain that the subgraph has done nothing of the request: then even a mutation may be
    sent again. `late`: too much time passed, whatever the reason; `busy`: others were answered meanwhile. `answered`:
    somebody was there who answered.
    `began` is when the call that failed was begun, where it matters: a time of the event loop.
    """

    code = "SUBGRAPH_FAILED"
    retryable = True
    sent = True
    late = False
    busy = False
    answered = False
    began: float | None = None

    def before_sending(self) -> Self:
        """This failure, having happened before the first byte went out."""
        self.sent = False
        return self

    @property
    def extensions(self) -> dict[str, Any]:
        """What clients are told of it."""
        return {"code": self.code}


class SubgraphUnavailable(SubgraphFailure):
    code = "SUBGRAPH_UNAVAILABLE"


class SubgraphTimeout(SubgraphFailure):
    code = "SUBGRAPH_TIMEOUT"
    late = True


class SubgraphStatus(SubgraphFailure):
    """`status` is the HTTP status. Refusals of a caller (401, 403) are told apart: no fallback may hide them."""

    code = "SUBGRAPH_STATUS"

    def __init__(self, status: int) -> None:
        super().__init__(f"answered with HTTP status {status}")
        self.status = status
        self.retryable = status in {429, 502, 503, 504}
        if status == 401:
            self.code = "UNAUTHENTICATED"
        elif status == 403:
            self.code = "FORBIDDEN"


class SubgraphMalformed(SubgraphFailure):
    code = "SUBGRAPH_MALFORMED"
    retryable = False
    answered = True


class SubgraphOverloaded(SubgraphFailure):
    """`retry_after` is in seconds."""

    code = "OVERLOADED"
    sent = False
    answered = True

    def __init__(self, retry_after: float) -> None:
        super().__init__("has too much to do at the moment")
        self.retry_after = retry_after

    @property
    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "retryAfterMs": round(self.retry_after * 1000)}


class SubgraphRejected(SubgraphFailure):
    code = "SUBGRAPH_REJECTED"
    retryable = False
    sent = False
