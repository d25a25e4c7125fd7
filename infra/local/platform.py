"""The whole platform on one machine, as an asynchronous context: everything runs inside it, nothing after it."""

import asyncio
import contextlib
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any, TypeVar

from infra.local import demo, ministack
from infra.local.deployer import Deployer
from infra.local.faults import DeploymentFailed, ProcessDied
from infra.local.home import Home, Record
from infra.local.identity import Identity, load_or_create
from infra.local.postgres import Cluster, prepare_cluster
from infra.local.services import SUBGRAPHS, WITH_DATABASE, Ports, Service, Surroundings, inherited
from infra.local.supervisor import Process, Supervisor, check_ports

T = TypeVar("T")
Progress = Callable[[str, str], None]
"""Called with a step's name and `started`, `done` or `failed`."""

_READY_SECONDS = 60.0
_TASK_SECONDS = 120.0
# What several services import; measured with `python -X importtime`, heaviest first.
_PRELOADED = (
    *("strawberry", "strawberry.fastapi", "strawberry.federation", "fastapi", "sqlalchemy.ext.asyncio"),
    *("sqlalchemy.dialects.postgresql.asyncpg", "alembic.command", "boto3", "botocore.httpsession", "stripe"),
    *("opentelemetry.sdk.trace", "opentelemetry.sdk.metrics", "structlog", "pydantic_settings", "msgspec"),
    *("httpx", "jwt", "cryptography.hazmat.primitives.asymmetric.ed25519", "argon2", "babel", "jinja2", "segno"),
    *("uvicorn.main", "uvicorn.protocols.http.httptools_impl", "uvloop", "email_validator", "tenacity"),
)
# Ended in this order: what answers people first, then what those need.
_RANK_SERVICE, _RANK_MINISTACK, _RANK_POSTGRES = 3, 2, 1


@dataclass(slots=True)
class Platform:
    """A running platform. `start()` is the only way to one."""

    home: Home
    ports: Ports
    identity: Identity
    supervisor: Supervisor
    services: dict[str, Service]

    @property
    def status(self) -> dict[str, Any]:
        """What `bilhetagem status --json` prints."""
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
        """Ends one service while the others go on, as a fault would."""
        await self.supervisor.end(name)

    async def start_service(self, name: str) -> None:
        """Starts a stopped service again and waits until it is ready."""
        await _serve(self.supervisor, self.services[name], self.ports)

    @contextlib.asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """The service is away inside the block, and ready again after it."""
        await self.stop_service(name)
        try:
            yield
        finally:
            await self.start_service(name)

    async def died(self) -> ProcessDied:
        """Waits, maybe for ever, for a process to end that should not, and gives the sentence about it."""
        return await asyncio.shield(self.supervisor.death)


@contextlib.asynccontextmanager
async def start(
    directory: Path,
    *,
    ports: Ports,
    fresh: bool = False,
    progress: Progress = lambda step, state: None,
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
            services = await _unless_something_dies(supervisor, _start_all(home, ports, identity, supervisor, progress))
            platform = Platform(home, ports, identity, supervisor, services)
            pids = {process.name: process.pid for process in supervisor.processes.values() if not process.ended.done()}
            home.write_record(Record(os.getpid(), pids, platform.status))
            await supervisor.run_module(
                "reconcile", "infra.local.reconciliation", [str(home.directory)], inherited(), lasting=False
            )
            try:
                yield platform
            finally:
                home.record_file.unlink(missing_ok=True)


async def _start_all(
    home: Home, ports: Ports, identity: Identity, supervisor: Supervisor, progress: Progress
) -> dict[str, Service]:
    steps = _Steps(progress)
    async with asyncio.TaskGroup() as group:
        database = group.create_task(steps.run("PostgreSQL", _postgres(home, ports, identity, supervisor)))
        outputs = group.create_task(steps.run("emulated AWS", _aws(home, ports, identity, supervisor)))
        # After both have been told to start: the launcher does one thing at a time, and these two need no libraries.
        group.create_task(steps.run("libraries", _preload(supervisor)))
        services = group.create_task(_surroundings(outputs, ports, identity, home))

        async def subgraph(name: str) -> None:
            await database
            service = (await services)[name]
            if name in WITH_DATABASE:
                await _task(supervisor, f"{name}-migrations", "subgraphs.chassis.migrate", [name], service)
            serving = steps.run(name, _serve(supervisor, service, ports))
            if demo.has_demo(name):
                loading = _task(supervisor, f"{name}-demo", f"subgraphs.{name}.demo", [], service)
                await asyncio.gather(serving, steps.run(f"{name}, demo data", loading))
            else:
                await serving

        async def plain(name: str) -> None:
            await steps.run(name, _serve(supervisor, (await services)[name], ports))

        for name in SUBGRAPHS:
            group.create_task(subgraph(name))
        for name in ("gateway", "sandbox", "mailbox"):
            group.create_task(plain(name))
    # The flows call the services: what was under way goes on once these answer.
    await asyncio.to_thread(Deployer(ports.url("ministack")).resume_executions)
    return services.result()


async def _preload(supervisor: Supervisor) -> None:
    await asyncio.sleep(0.2)
    await supervisor.preload(_PRELOADED)


async def _postgres(home: Home, ports: Ports, identity: Identity, supervisor: Supervisor) -> Cluster:
    cluster = await asyncio.to_thread(prepare_cluster, home.postgres, identity.superuser_password)
    await asyncio.to_thread(cluster.end_leftover_server)
    port = ports.by_name["postgres"]
    process = await supervisor.execute(
        "postgres",
        cluster.command(port),
        {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        rank=_RANK_POSTGRES,
        account=cluster.account,
        farewell=SIGINT,
    )
    await supervisor.ready(process, cluster.accepts_connections, _READY_SECONDS)
    await asyncio.to_thread(cluster.ensure_role, port, identity.database_password)
    await asyncio.to_thread(cluster.ensure_databases, port, WITH_DATABASE)
    return cluster


async def _aws(home: Home, ports: Ports, identity: Identity, supervisor: Supervisor) -> dict[str, str]:
    endpoint = ports.url("ministack")
    environment = ministack.environment(ports.by_name["ministack"], home.ministack)
    process = await supervisor.execute("ministack", ministack.command(), environment, rank=_RANK_MINISTACK)
    await supervisor.ready(process, lambda: asyncio.to_thread(ministack.is_ready, endpoint), _READY_SECONDS)
    return await asyncio.to_thread(Deployer(endpoint).deploy, identity, ports)


async def _surroundings(
    outputs: "asyncio.Task[dict[str, str]]", ports: Ports, identity: Identity, home: Home
) -> dict[str, Service]:
    try:
        return Surroundings(ports, identity, home.directory, await outputs).services()
    except KeyError as exc:
        raise DeploymentFailed(f"The deployed stack has no output {exc}.") from exc


async def _task(supervisor: Supervisor, name: str, module: str, arguments: list[str], service: Service) -> None:
    process = await supervisor.run_module(name, module, arguments, service.environment, lasting=False)
    await supervisor.finish(process, _TASK_SECONDS)


async def _serve(supervisor: Supervisor, service: Service, ports: Ports) -> Process:
    url = f"{ports.url(service.name)}/health/ready"
    process = await supervisor.run_module(
        service.name,
        "uvicorn",
        service.arguments(ports.by_name[service.name]),
        service.environment,
        rank=_RANK_SERVICE,
    )
    await supervisor.ready(process, lambda: asyncio.to_thread(_answers, url), _READY_SECONDS)
    return process


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 (our own processes)
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


async def _unless_something_dies(supervisor: Supervisor, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; a process that ends meanwhile, or a fault of one step, ends all of it in one sentence."""
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


@dataclass(frozen=True, slots=True)
class _Steps:
    progress: Progress

    async def run(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        self.progress(name, "started")
        try:
            result = await work
        except BaseException:
            self.progress(name, "failed")
            raise
        self.progress(name, "done")
        return result
