"""One service, asked with time limits, and with retries with full jitter within the request's deadline."""

import asyncio
import random
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import msgspec
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_BACKOFF_SECONDS: Final = 0.05
_LEAST_SECONDS: Final = 0.02
_FAULT_CODES: Final = {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED", None}


@dataclass(frozen=True, slots=True)
class SubgraphClient:
    """`timeout` is for one call with all its attempts, `attempt_timeout` for each, in seconds.

    `attempts` counts the first. A mutation that is asked for here must be one that may be sent twice.
    """

    name: str
    timeout: float = 4.0
    attempt_timeout: float = 2.0
    attempts: int = 3

    async def ask(
        self,
        context: Context,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        within: float = inf,
    ) -> dict[str, Any]:
        """The answer's `data`, `within` so many seconds where `timeout` would be too long.

        Raises SourceUnavailable (also for partial data) and SourceRefused.
        """
        deadline = min(context.deadline, asyncio.get_running_loop().time() + min(self.timeout, within))
        encoded = msgspec.json.encode(variables or {})
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(self.attempts) | _past(deadline),
            wait=_full_jitter,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._ask_once(context, document, encoded, deadline)
        raise AssertionError("tenacity ends by returning or raising")

    async def _ask_once(self, context: Context, document: str, variables: bytes, deadline: float) -> dict[str, Any]:
        left = deadline - asyncio.get_running_loop().time()
        if left < _LEAST_SECONDS:
            raise SourceUnavailable(self.name, "deadline")
        return self._read(await context.send(self.name, document, variables, min(self.attempt_timeout, left)))

    def _read(self, body: bytes) -> dict[str, Any]:
        if len(body) > MAX_ANSWER_BYTES:
            raise SourceUnavailable(self.name, "malformed")
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise SourceUnavailable(self.name, "malformed") from exc
        data = answer.get("data") if isinstance(answer, dict) else None
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors:
            codes = [_code(error) for error in errors] if isinstance(errors, list) else [None]
            log.warning("subgraph_answered_with_errors", source=self.name, codes=codes[:5])
            refused = next((code for code in codes if code not in _FAULT_CODES), None)
            if refused is not None:
                raise SourceRefused(self.name, refused)
            raise SourceUnavailable(self.name, "fault")
        if not isinstance(data, dict):
            raise SourceUnavailable(self.name, "malformed")
        return data


def _may_pass(exc: BaseException) -> bool:
    return isinstance(exc, SourceUnavailable) and exc.may_pass


def _code(error: Any) -> str | None:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) else None


def _past(deadline: float) -> Any:
    return lambda _state: asyncio.get_running_loop().time() >= deadline


def _full_jitter(state: RetryCallState) -> float:
    return random.uniform(0, _BACKOFF_SECONDS * 2**state.attempt_number)  # noqa: S311 - no secret
