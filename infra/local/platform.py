"""The whole platform on one machine, as an asynchronous context: everything runs inside it, nothing after it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from infra.local import demo, ministack
from infra.local.faults import LocalFault
from infra.local.home import Home, Record
from infra.local.identity import Identity, load_or_create
from infra.local.metrics import MetricShipper
from infra.local.parts import Part
from infra.local.services import SUBGRAPHS, Ports, Service, inherited
from infra.local.startup import Progress, Startup
from infra.local.supervisor import Supervisor, check_ports

T = TypeVar("T")
News = Callable[[str], None]
"""Called with a sentence for the person at the keyboard, such as that a part died and is started again."""


@dataclass(slots=True)
class Platform:
    """A running platform. `start()` is the only way to one."""

    home: Home
    ports: Ports
    identity: Identity
    supervisor: Supervisor
    services: dict[str, Service]
    """How each web service is called, and its environment."""
    parts: dict[str, Part]
    """What runs for as long as the platform does: the services, `sandbox`, `mailbox`, `ministack` and `postgres`."""

    @property
    def status(self) -> dict[str, Any]:
        """What `bilhetagem status --json` prints, but for how the parts are."""
        return {
            "gateway": self.gateway_url,
            "graphiql": self.gateway_url,
            "mailbox": self.mailbox_url,
            "sandbox": self.sandbox_url,
            "aws": self.aws_endpoint,
            "subgraphs": {name: f"{self.ports.url(name)}/graphql" for name in SUBGRAPHS},
            "demo": self.demo,
            "query": demo.QUERY,
        }

    @property
    def gateway_url(self) -> str:
        return f"{self.ports.url('gateway')}/graphql"

    @property
    def mailbox_url(self) -> str:
        return self.ports.url("mailbox")

    @property
    def sandbox_url(self) -> str:
        return self.ports.url("sandbox")

    @property
    def aws_endpoint(self) -> str:
        return self.ports.url("ministack")

    @property
    def demo(self) -> dict[str, dict[str, str]]:
        """Who can sign in: `{customer: {email, password}, operator: {…}}`."""
        password = self.identity.demo_password
        return {
            "customer": {"email": demo.CUSTOMER_EMAIL, "password": password},
            "operator": {"email": demo.OPERATOR_EMAIL, "password": password},
        }

    async def stop_service(self, name: str) -> None:
        """Ends one part while the others go on. On purpose: nobody starts it again but `start_service`."""
        await self.parts[name].stop()

    async def start_service(self, name: str) -> None:
        """Starts a stopped part again and waits until it is ready."""
        await self.parts[name].start()

    @contextlib.asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """The part is away inside the block, and ready again after it."""
        await self.stop_service(name)
        try:
            yield
        finally:
            await self.start_service(name)

    async def died(self) -> LocalFault:
        """Waits, maybe for ever, for what ends the platform, and gives the sentence about it."""
        return await asyncio.shield(self.supervisor.death)

    def write_record(self) -> None:
        parts = {name: part.status for name, part in self.parts.items()}
        self.home.write_record(Record(os.getpid(), self.status, parts))


@contextlib.asynccontextmanager
async def start(
    directory: Path,
    *,
    ports: Ports,
    fresh: bool = False,
    progress: Progress = lambda step, state: None,
    news: News = lambda sentence: None,
) -> AsyncIterator[Platform]:
    """The platform whose data lie in `directory` (absolute), listening on `ports`; ready when the block begins.

    Raises a LocalFault, one sentence for a person; then, as after the block, nothing of it runs.
    """
    home = Home(directory)
    home.prepare()
    with home.locked():
        if fresh:
            home.wipe()
            home.prepare()
        check_ports(ports.by_name)
        ministack.command()  # says so early when the extra is missing
        identity = load_or_create(home.identity)
        home.record_file.unlink(missing_ok=True)
        async with Supervisor(home.logs) as supervisor:
            platform = Platform(home, ports, identity, supervisor, {}, {})
            ready = False

            def tell(sentence: str | None) -> None:
                if ready:
                    platform.write_record()
                if sentence is not None:
                    news(sentence)

            startup = Startup(home, ports, identity, supervisor, platform.services, platform.parts, progress, tell)
            shipper = MetricShipper.to(platform.aws_endpoint, home.logs)
            shipper.start_at_end()
            shipping = asyncio.create_task(shipper.run())
            try:
                await _unless_all_must_end(supervisor, startup.run())
                ready = True
                platform.write_record()
                await supervisor.run_module(
                    "reconcile", "infra.local.reconciliation", [str(home.directory)], inherited()
                )
                yield platform
            finally:
                ready = False
                shipping.cancel()
                await asyncio.gather(
                    shipping, *(part.release() for part in platform.parts.values()), return_exceptions=True
                )
                home.record_file.unlink(missing_ok=True)


async def _unless_all_must_end(supervisor: Supervisor, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; a fault of one step, or of the launcher meanwhile, ends all of it in one sentence."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait((working, supervisor.death), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise supervisor.death.result()
    except ExceptionGroup as group:
        raise _first(group) from group
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


def _first(fault: Exception) -> Exception:
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    return fault
