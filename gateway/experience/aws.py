"""boto3 off the event loop: its calls block, so they run in threads of their own, with time limits."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from gateway.experience.thread_lane import LaneFull, ThreadLane

P = ParamSpec("P")
R = TypeVar("R")

_THREADS: Final = 16
# At about 20 ms for the three calls of a request this is a quarter of a second of waiting.
_WAITING: Final = 200
_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=_THREADS,
    user_agent_extra="bilhetagem-gateway",
)


class AwsBusy(BotoCoreError):
    """More calls wait for a thread than may: nothing was sent."""

    fmt = "Too many calls wait for a thread"


class AwsClients:
    """DynamoDB, SQS and SSM of one region; `endpoint` is for an emulator. `close()` when done."""

    def __init__(self, region: str, endpoint: str | None = None) -> None:
        session = boto3.session.Session(region_name=region)
        self.dynamodb = session.client("dynamodb", endpoint_url=endpoint, config=_CONFIG)
        self.sqs = session.client("sqs", endpoint_url=endpoint, config=_CONFIG)
        self.ssm = session.client("ssm", endpoint_url=endpoint, config=_CONFIG)
        self.lane = ThreadLane("aws", _THREADS, _WAITING)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a function that calls these clients in a thread. Raises what it raises, and AwsBusy.

        When the caller is cancelled, a function that has begun still runs to its end.
        """
        try:
            return await self.lane.call(function, *args, **kwargs)
        except LaneFull as exc:
            raise AwsBusy from exc

    def close(self) -> None:
        self.lane.close()
        for client in (self.dynamodb, self.sqs, self.ssm):
            closing: Any = client
            closing.close()
