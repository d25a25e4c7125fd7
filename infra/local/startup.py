"""How the parts of the platform start: in which order, what each waits for, and what is done once it answers."""

import asyncio
import contextlib
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from signal import SIGINT
from typing import Any, TypeVar

from infra.local import demo, ministack
from infra.local.deployer import Deployer
from infra.local.faults import DeploymentFailed
from infra.local.home import Home
from infra.local.identity import Identity
from infra.local.parts import Part
from infra.local.postgres import Cluster, prepare_cluster
from infra.local.services import SUBGRAPHS, WITH_DATABASE, Ports, Service, Surroundings
from infra.local.supervisor import Process, Readiness, Supervisor

T = TypeVar("T")
Progress = Callable[[str, str], None]
"""Called with a step's name and `started`, `done` or `failed`."""

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
class Startup:
    """`run()` starts everything and fills `services` and `parts`; `tell` hears of every change of a part."""

    home: Home
    ports: Ports
    identity: Identity
    supervisor: Supervisor
    services: dict[str, Service]
    parts: dict[str, Part]
    progress: Progress
    tell: Callable[[str | None], None]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            database = group.create_task(self._step("PostgreSQL", self._start_postgres()))
            aws = group.create_task(self._step("emulated AWS", self._start_aws()))
            # After both were told to start: the launcher does one thing at a time, and these two need no libraries.
            group.create_task(self._step("libraries", self._preload()))

            async def subgraph(name: str) -> None:
                await asyncio.gather(aws, *((database,) if name in WITH_DATABASE else ()))
                if name in WITH_DATABASE:
                    await self._finish(f"{name}-migrations", "subgraphs.chassis.migrate", [name], name)
                serving = self._step(name, self._start_service(name))
                if demo.has_demo(name):
                    loading = self._finish(f"{name}-demo", f"subgraphs.{name}.demo", [], name)
                    await asyncio.gather(serving, self._step(f"{name}, demo data", loading))
                else:
                    await serving

            async def plain(name: str) -> None:
                await aws
                await self._step(name, self._start_service(name))

            for name in SUBGRAPHS:
                group.create_task(subgraph(name))
            for name in ("gateway", "sandbox", "mailbox"):
                group.create_task(plain(name))
        # The flows call the services: what was under way goes on once these answer.
        await asyncio.to_thread(self._deployer.resume_executions)

    @property
    def _deployer(self) -> Deployer:
        return Deployer(self.ports.url("ministack"))

    async def _preload(self) -> None:
        await asyncio.sleep(0.2)
        await self.supervisor.preload(_PRELOADED)

    async def _start_postgres(self) -> None:
        cluster = await asyncio.to_thread(prepare_cluster, self.home.postgres, self.identity.superuser_password)
        port = self.ports.by_name["postgres"]

        async def begin() -> Process:
            await asyncio.to_thread(cluster.end_leftover_server)
            return await self.supervisor.execute(
                "postgres",
                cluster.command(port),
                {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                rank=_RANK_POSTGRES,
                account=cluster.account,
                farewell=SIGINT,
            )

        async def make_ready(process: Process) -> None:
            await self.supervisor.ready(process, lambda: _readiness_of(cluster))
            await asyncio.to_thread(cluster.ensure_role, port, self.identity.database_password)
            await asyncio.to_thread(cluster.ensure_databases, port, WITH_DATABASE)

        await self._start("postgres", begin, make_ready)

    async def _start_aws(self) -> None:
        port = self.ports.by_name["ministack"]
        environment = ministack.environment(port, self.home.ministack, letters=self.home.letters)
        endpoint = self.ports.url("ministack")
        started_before = False

        async def begin() -> Process:
            return await self.supervisor.execute("ministack", ministack.command(), environment, rank=_RANK_MINISTACK)

        async def make_ready(process: Process) -> None:
            nonlocal started_before
            await self.supervisor.ready(process, lambda: _answer_of(f"{endpoint}/_ministack/ready"))
            await self._deploy()
            await asyncio.to_thread(ministack.save, endpoint)
            if started_before:
                await asyncio.to_thread(self._deployer.resume_executions)
            started_before = True

        await self._start("ministack", begin, make_ready)

    async def _deploy(self) -> None:
        """Brings the stack to the template; services that were told other addresses before are started again."""
        outputs = await asyncio.to_thread(self._deployer.deploy, self.identity, self.ports)
        try:
            present = Surroundings(self.ports, self.identity, self.home.directory, outputs).services()
        except KeyError as exc:
            raise DeploymentFailed(f"The deployed stack has no output {exc}.") from exc
        outdated = [name for name, service in self.services.items() if present[name] != service]
        self.services.update(present)
        for name in outdated:
            await self.supervisor.end(name)

    async def _start_service(self, name: str) -> None:
        url = f"{self.ports.url(name)}/health/ready"

        async def begin() -> Process:
            service = self.services[name]
            arguments = service.arguments(self.ports.by_name[name])
            return await self.supervisor.run_module(name, "uvicorn", arguments, service.environment, rank=_RANK_SERVICE)

        async def make_ready(process: Process) -> None:
            await self.supervisor.ready(process, lambda: _answer_of(url))

        await self._start(name, begin, make_ready)

    async def _start(
        self,
        name: str,
        begin: Callable[[], Coroutine[Any, Any, Process]],
        make_ready: Callable[[Process], Coroutine[Any, Any, None]],
    ) -> None:
        self.parts[name] = part = Part(name, self.supervisor, begin, make_ready, self.tell)
        await part.start()

    async def _finish(self, process_name: str, module: str, arguments: list[str], service: str) -> None:
        """Runs a program that is meant to end, in the environment of a service."""
        environment = self.services[service].environment
        process = await self.supervisor.run_module(process_name, module, arguments, environment)
        await self.supervisor.finish(process)

    async def _step(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        self.progress(name, "started")
        try:
            result = await work
        except BaseException:
            self.progress(name, "failed")
            raise
        self.progress(name, "done")
        return result


def _readiness_of(cluster: Cluster) -> Readiness:
    return Readiness.READY if cluster.accepts_connections() else Readiness.SILENT


def _answer_of(url: str) -> Readiness:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 (our own processes)
            return Readiness.READY if answer.status == 200 else Readiness.ANSWERS
    except urllib.error.HTTPError as answer:
        with contextlib.closing(answer):
            return Readiness.ANSWERS
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return Readiness.SILENT
