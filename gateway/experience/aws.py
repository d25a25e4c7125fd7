"""boto3 off the event loop: its calls block, so they run in threads of their own, with time limits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

import boto3
from botocore.config import Config

P = ParamSpec("P")
R = TypeVar("R")

_THREADS: Final = 16
_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=_THREADS,
    user_agent_extra="bilhetagem-gateway",
)


class AwsClients:
    """DynamoDB, SQS and SSM of one region; `endpoint` is for an emulator. `close()` when done."""

    def __init__(self, region: str, endpoint: str | None = None) -> None:
        session = boto3.session.Session(region_name=region)
        self.dynamodb = session.client("dynamodb", endpoint_url=endpoint, config=_CONFIG)
        self.sqs = session.client("sqs", endpoint_url=endpoint, config=_CONFIG)
        self.ssm = session.client("ssm", endpoint_url=endpoint, config=_CONFIG)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws")

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a client's method in a thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **kwargs))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in (self.dynamodb, self.sqs, self.ssm):
            closing: Any = client
            closing.close()
