"""The whole platform, started once as `make up` starts it, on ports and in a folder of its own."""

import asyncio
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import asyncpg
import boto3
import httpx
import pytest

from infra.local import ministack, platform
from infra.local.home import Home
from infra.local.parts import PartStatus
from infra.local.patience import LONGEST_SECONDS, Patience
from infra.local.services import Ports, Service
from tests.journeys.front_door import Shopper

T = TypeVar("T")


class RunningPlatform:
    """The platform on a thread's event loop, so that tests can be written like a client: one step after another."""

    def __init__(self, directory: Path, ports: Ports) -> None:
        self.directory = directory
        self._started = threading.Event()
        self._steps: list[tuple[str, str]] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(directory, ports)), name="platform")

    def start(self) -> None:
        self._thread.start()
        patience = Patience(lambda: len(self._steps), silence=LONGEST_SECONDS)
        while not self._started.wait(1):
            assert not patience.is_over(), f"the platform did not start: {patience.why} after {self._steps[-1:]}"
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
            starting = platform.start(directory, ports=ports, progress=lambda *step: self._steps.append(step))
            async with starting as self._platform:
                self._started.set()
                await self._stopping.wait()
        except BaseException as exc:
            self._failure = exc
            self._started.set()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """As long as the work itself is willing to wait, which gives up when nothing gets on."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LONGEST_SECONDS)

    @property
    def status(self) -> dict[str, Any]:
        return self._platform.status

    @property
    def home(self) -> Home:
        return self._platform.home

    @property
    def customer_email(self) -> str:
        return str(self.status["demo"]["customer"]["email"])

    @property
    def parts(self) -> dict[str, PartStatus]:
        """How each part of the platform is now."""
        return {name: part.status for name, part in self._platform.parts.items()}

    def aws(self, service: str) -> Any:
        """A client of the emulated AWS."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.status["aws"],
            region_name=ministack.REGION,
            aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def variables(self, service: str) -> dict[str, str]:
        """The environment of a service."""
        return self._platform.services[service].environment

    def database(self, service: str) -> str:
        """The DSN of a service's database."""
        url = self.variables(service)["DATABASE_URL"]
        return url.replace("postgresql+asyncpg", "postgresql")

    @contextmanager
    def told(self, service: str, **variables: str) -> Iterator[None]:
        """The service runs with these variables in its environment, as after a wrong deployment."""
        right = self._platform.services[service]
        self._begin_again(replace(right, environment={**right.environment, **variables}))
        try:
            yield
        finally:
            self._begin_again(right)

    def _begin_again(self, service: Service) -> None:
        self._platform.services[service.name] = service
        self._wait_for(self._platform.stop_service(service.name))
        self._wait_for(self._platform.start_service(service.name))

    @contextmanager
    def without(self, service: str) -> Iterator[None]:
        """The platform while one of its services is away."""
        self._wait_for(self._platform.stop_service(service))
        try:
            yield
        finally:
            self._wait_for(self._platform.start_service(service))

    def end_hold(self, reservation_id: str) -> None:
        """Its time is over, and the minute strikes at which the schedule calls the function that tidies up."""
        own_id = UUID(b64decode(reservation_id).decode().partition(":")[2])
        self._wait_for(self._move_end_of_hold(own_id))
        functions = self.aws("lambda")
        assert functions.invoke(FunctionName="bilhetagem-sweep-holds", Payload=b"{}")["StatusCode"] == 200

    def open_gates(self, session_id: str) -> None:
        """The session begins in two hours."""
        self._wait_for(self._move_session(UUID(b64decode(session_id).decode().partition(":")[2])))

    async def _move_session(self, session_id: UUID) -> None:
        database = await asyncpg.connect(self.database("ticketing"))
        try:
            soon = "UPDATE sessions SET starts_at = now() + interval '2 hours' WHERE id = $1"
            await database.execute(soon, session_id)
        finally:
            await database.close()

    async def _move_end_of_hold(self, reservation_id: UUID) -> None:
        async with self._ticketing() as database, database.transaction():
            for table, key in (("reservations", "id"), ("units", "reservation_id")):
                over = f"UPDATE {table} SET held_until = now() - interval '1 second' WHERE {key} = $1"
                await database.execute(over, reservation_id)

    @contextmanager
    def priced(self, sector_id: str, minor: int) -> Iterator[None]:
        """The platform while a unit of this sector costs that much, without a fee."""
        own_id = UUID(b64decode(sector_id).decode().partition(":")[2])
        before = self._wait_for(self._set_price(own_id, minor, 0))
        try:
            yield
        finally:
            self._wait_for(self._set_price(own_id, *before))

    async def _set_price(self, sector_id: UUID, price_minor: int, fee_minor: int) -> tuple[int, int]:
        """What it was before."""
        async with self._ticketing() as database:
            read = "SELECT price_minor, service_fee_minor FROM sectors WHERE id = $1"
            before = await database.fetchrow(read, sector_id)
            write = "UPDATE sectors SET price_minor = $2, service_fee_minor = $3 WHERE id = $1"
            await database.execute(write, sector_id, price_minor, fee_minor)
        return before["price_minor"], before["service_fee_minor"]

    @asynccontextmanager
    async def _ticketing(self) -> AsyncIterator[Any]:
        """A connection to its database."""
        database = await asyncpg.connect(self.database("ticketing"))
        try:
            yield database
        finally:
            await database.close()

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
