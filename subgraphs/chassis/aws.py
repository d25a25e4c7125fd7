"""boto3 clients, made when first needed: importing boto3 costs more than everything else a service imports."""

from __future__ import annotations

from threading import Lock
from typing import Any, Final

from subgraphs.chassis.settings import ServiceSettings
from subgraphs.chassis.thread_lane import ThreadLane

_THREADS: Final = 10
_WAITING: Final = 200


class Aws:
    """Clients of one process, one per service name. Calls block: ``call`` makes them in threads of their own."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self.lane = ThreadLane("aws", _THREADS, _WAITING)

    def client(self, name: str) -> Any:
        """``client("sns")``; connects within 2 s, reads within 10 s, tries at most twice. Blocks when first called."""
        with self._lock:
            if name not in self._clients:
                import boto3  # lazily: see above
                from botocore.config import Config

                self._clients[name] = boto3.session.Session().client(  # type: ignore[call-overload]
                    name,
                    region_name=self._settings.aws_region,
                    endpoint_url=self._settings.aws_endpoint_url,
                    config=Config(
                        connect_timeout=2,
                        read_timeout=10,
                        retries={"mode": "standard", "total_max_attempts": 2},
                        max_pool_connections=_THREADS,
                    ),
                )
            return self._clients[name]

    async def call(self, name: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """``await aws.call("sns", "publish", …)`` in a thread.

        Raises botocore's ``ClientError`` and ``BotoCoreError``, and ``LaneFull``.
        """

        def run() -> dict[str, Any]:
            result: dict[str, Any] = getattr(self.client(name), operation)(**parameters)
            return result

        return await self.lane.call(run)

    def close(self) -> None:
        self.lane.close()
        for client in self._clients.values():
            client.close()
