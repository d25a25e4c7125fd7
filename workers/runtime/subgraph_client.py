"""How workers ask the subgraphs: GraphQL over HTTP with a service token, patient for a moment, strict about answers.

No call outlives its invocation: attempts are cut to what is left of it.
"""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random_exponential,
)

from workers.runtime.errors import PermanentFault, TransientFault
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.time_left import seconds_left

_CONNECT_SECONDS = 1.0
# Longer than a payment company may take to say no.
_LONGEST_ATTEMPT_SECONDS = 8.0
# Less is not worth beginning: the service would do the work, and nobody would hear the answer.
_SHORTEST_ATTEMPT_SECONDS = 0.2
_ATTEMPTS = 3
_PASSING_STATUSES = frozenset({408, 425, 429})
_PASSING_CODES = frozenset({"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED"})
_LARGEST_ANSWER = 4 * 1024 * 1024


class SubgraphClient:
    """`urls` maps service names to their GraphQL endpoints. `transport` is httpx's own unless a test gives another."""

    def __init__(
        self, urls: Mapping[str, str], tokens: ServiceTokens, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._urls = urls
        self._tokens = tokens
        self._http = httpx.Client(transport=transport)

    def ask(self, service: str, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's `data`.

        Tries three times, about a second apart, as far as the invocation lasts; what outlives that raises
        TransientFault, for the queue or the state machine to come back later. Every operation sent here is idempotent.
        Raises PermanentFault when the service refuses the request as such.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(TransientFault),
            stop=_is_enough,
            wait=wait_random_exponential(multiplier=0.2, max=1.0),
            reraise=True,
        )
        answer: dict[str, Any] = attempts(self._ask_once, service, document, variables)
        return answer

    def _ask_once(self, service: str, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        left = min(_LONGEST_ATTEMPT_SECONDS, seconds_left())
        if left < _SHORTEST_ATTEMPT_SECONDS:
            raise TransientFault(f"{service} was not asked: the invocation is at its end")
        connect = min(_CONNECT_SECONDS, left / 2)
        try:
            response = self._http.post(
                self._urls[service],
                content=msgspec.json.encode({"query": document, "variables": variables}),
                headers={
                    "Content-Type": "application/json",
                    "Accept": "application/graphql-response+json, application/json",
                    "Authorization": f"Bearer {self._tokens.token_for(service)}",
                },
                timeout=httpx.Timeout(left - connect, connect=connect),
            )
        except httpx.TransportError as exc:
            raise TransientFault(f"{service} could not be reached: {type(exc).__name__}") from exc
        return _data(service, response)


def _is_enough(state: RetryCallState) -> bool:
    ends_first = state.upcoming_sleep + _SHORTEST_ATTEMPT_SECONDS > seconds_left()
    return state.attempt_number >= _ATTEMPTS or ends_first


def _data(service: str, response: httpx.Response) -> dict[str, Any]:
    if response.is_server_error or response.status_code in _PASSING_STATUSES:
        raise TransientFault(f"{service} answered {response.status_code}")
    if len(response.content) > _LARGEST_ANSWER:
        raise PermanentFault(f"{service} answered with {len(response.content)} bytes")
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise TransientFault(f"{service} answered {response.status_code} with something that is not JSON") from exc
    errors = answer.get("errors")
    if errors:
        raise _fault(service, errors)
    data = answer.get("data")
    if not response.is_success or not isinstance(data, dict):
        raise PermanentFault(f"{service} answered {response.status_code} without data")
    return data


def _fault(service: str, errors: Any) -> TransientFault | PermanentFault:
    listed = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = {str((error.get("extensions") or {}).get("code", "")) for error in listed}
    said = "; ".join(str(error.get("message", ""))[:200] for error in listed[:3])
    if codes and codes <= _PASSING_CODES:
        return TransientFault(f"{service} failed: {said}")
    return PermanentFault(f"{service} refused: {said}")
