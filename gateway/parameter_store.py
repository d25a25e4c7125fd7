"""What operations keep in Parameter Store, served where the owner of a field brings nothing.

The engine's fallback for a field (`gateway/policies.py`), and where the experience subgraph finds the default
suggestions: one class, one copy of the value. The engine alone would not do for them. The experience composes them,
often within its own answer to a mutation (`requestReservation { reservation { suggestions … } }`), where a field that
fails takes the whole payload along: what is missing there has to be replaced where it is composed. The engine replaces
what the experience as a whole does not bring in time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gateway.experience.aws import AwsClients
from gateway.federation import FallbackContext

log = structlog.get_logger(__name__)

T = TypeVar("T")
# How soon it is tried again when it could not be read.
_AGAIN_SECONDS = 5.0


class ParameterStore(Generic[T]):
    """One parameter. `read` makes a value of its text (ValueError for a text that is none), `show` a field's of that.

    The parameter is read in a thread, at most once in `fresh` seconds, and waited for no longer than `timeout`. While
    it cannot be read the last value counts, up to an age of `max_age`. `path` begins with a slash.
    """

    source = "parameter_store"

    def __init__(
        self,
        aws: AwsClients,
        path: str,
        read: Callable[[str], T],
        show: Callable[[T, FallbackContext], Any],
        *,
        fresh: float = 60.0,
        max_age: float = 86_400.0,
        timeout: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._aws = aws
        self._path = path
        self._read = read
        self._show = show
        self._fresh = fresh
        self._max_age = max_age
        self._timeout = timeout
        self._clock = clock
        self._known: tuple[float, T] | None = None
        self._again_at = float("-inf")
        self._lock = asyncio.Lock()

    async def value(self, context: FallbackContext) -> Any:
        """What is shown for a field. Raises LookupError as `stored` does."""
        return self._show(await self.stored(), context)

    async def stored(self) -> T:
        """Raises LookupError when the parameter does not exist, or was not readable for too long."""
        if self._clock() >= self._again_at:
            async with self._lock:
                if self._clock() >= self._again_at:
                    await self._refresh()
        if self._known is None or self._clock() - self._known[0] > self._max_age:
            raise LookupError(self._path)
        return self._known[1]

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._aws.call(self._aws.ssm.get_parameter, Name=self._path)
            self._known = (self._clock(), self._read(answer["Parameter"]["Value"]))
        except (BotoCoreError, ClientError, TimeoutError, ValueError) as exc:
            log.warning("parameter_not_read", path=self._path, reason=type(exc).__name__)
            if isinstance(exc, self._aws.ssm.exceptions.ParameterNotFound):
                self._known = None  # taken away on purpose
            self._again_at = self._clock() + _AGAIN_SECONDS
        else:
            self._again_at = self._clock() + self._fresh
