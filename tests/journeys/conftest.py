"""The whole platform, started once as `make up` starts it, on ports and in a folder of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest

from infra.local import platform
from infra.local.services import Ports
from tests.journeys.front_door import Shopper

T = TypeVar("T")
START_SECONDS = 120


class RunningPlatform:
    """The platform on a thread's event loop, so that tests can be written like a client: one step after another."""

    def __init__(self, directory: Path, ports: Ports) -> None:
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(directory, ports)), name="platform")

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(START_SECONDS), "the platform did not start"
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(60)
            assert not self._thread.is_alive(), "the platform did not stop"

    async def _run(self, directory: Path, ports: Ports) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with platform.start(directory, ports=ports) as self._platform:
                self._started.set()
                await self._stopping.wait()
        except BaseException as exc:
            self._failure = exc
            self._started.set()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def status(self) -> dict[str, Any]:
        return self._platform.status

    @property
    def customer_email(self) -> str:
        return str(self.status["demo"]["customer"]["email"])

    @contextmanager
    def without(self, service: str) -> Iterator[None]:
        """The platform while one of its services is away."""
        self._wait_for(self._platform.stop_service(service))
        try:
            yield
        finally:
            self._wait_for(self._platform.start_service(service))

    def pay(self, payment_id: str) -> None:
        """Press *Pay* in the sandbox bank."""
        httpx.post(f"{self.status['sandbox']}/charges/{quote(payment_id, safe='')}/pay", timeout=10).raise_for_status()

    def messages(self) -> list[dict[str, Any]]:
        """What reached the mailbox."""
        found = httpx.get(f"{self.status['mailbox']}/messages.json", timeout=10).raise_for_status().json()
        return list(found["messages"] if isinstance(found, dict) else found)


@pytest.fixture(scope="session")
def running(test_run_directory: Path) -> Iterator[RunningPlatform]:
    running = RunningPlatform(test_run_directory / "platform", Ports.free())
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def anybody(running: RunningPlatform) -> Shopper:
    """Somebody who is not signed in."""
    return Shopper(running.status["gateway"])


@pytest.fixture(scope="session")
def ana(running: RunningPlatform, anybody: Shopper) -> Shopper:
    """A customer."""
    return anybody.signed_in(**running.status["demo"]["customer"])


@pytest.fixture(scope="session")
def olivia(running: RunningPlatform, anybody: Shopper) -> Shopper:
    """An operator, who may also buy and stand at the gate."""
    return anybody.signed_in(**running.status["demo"]["operator"])
