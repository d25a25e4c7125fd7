"""What is suggested while the suggestions service is away: a list that operations keep in Parameter Store."""

import asyncio
import time
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gateway.experience.aws import AwsClients
from gateway.experience.errors import DefaultsUnavailable

log = structlog.get_logger(__name__)

_FRESH_SECONDS: Final = 60.0
_LATER_SECONDS: Final = 5.0


class DefaultItem(msgspec.Struct, frozen=True):
    type: Literal["PRODUCT", "EVENT"]
    id: UUID


class _Parameter(msgspec.Struct, frozen=True):
    version: Literal[1]
    items: Annotated[tuple[DefaultItem, ...], msgspec.Meta(max_length=100)]


class DefaultSuggestions:
    """Cached for a minute, and beyond it as long as Parameter Store does not answer."""

    def __init__(self, aws: AwsClients, parameter: str) -> None:
        self._aws = aws
        self._parameter = parameter
        self._items: tuple[DefaultItem, ...] | None = None
        self._again_at = 0.0
        self._lock = asyncio.Lock()

    async def items(self) -> tuple[DefaultItem, ...]:
        """In the order of the parameter. Raises DefaultsUnavailable when they were never read."""
        if time.monotonic() >= self._again_at:
            async with self._lock:
                if time.monotonic() >= self._again_at:
                    await self._read()
        if self._items is None:
            raise DefaultsUnavailable("the default suggestions cannot be read")
        return self._items

    async def _read(self) -> None:
        try:
            answer = await self._aws.call(self._aws.ssm.get_parameter, Name=self._parameter)
            self._items = msgspec.json.decode(answer["Parameter"]["Value"], type=_Parameter).items
            self._again_at = time.monotonic() + _FRESH_SECONDS
        except (BotoCoreError, ClientError, msgspec.DecodeError) as exc:
            log.warning("default_suggestions_not_read", reason=type(exc).__name__)
            self._again_at = time.monotonic() + _LATER_SECONDS
