"""Puts a service together and runs it: the one place where pools, clients and tasks are opened and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse
from strawberry.federation import Schema

from subgraphs.chassis import health
from subgraphs.chassis.admitted import Admitted, make_lanes
from subgraphs.chassis.aws import Aws
from subgraphs.chassis.consumer import QueueConsumer
from subgraphs.chassis.database import Database
from subgraphs.chassis.endpoint import GraphQLEndpoint
from subgraphs.chassis.gatekeeper import BodyTooLarge, Gatekeeper
from subgraphs.chassis.relay import Relay
from subgraphs.chassis.retention import Retention, retention_task
from subgraphs.chassis.service_tokens import ServiceTokenVerifier
from subgraphs.chassis.settings import ServiceSettings
from subgraphs.chassis.telemetry import configure_logging

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = 8.0
WATCHERS_POOL_SIZE: Final = 2


@dataclass(slots=True)
class Running:
    """A running service. Routes reach it as ``request.app.state.running``, resolvers through their context."""

    settings: Any
    aws: Aws
    optional_database: Database | None
    optional_watchers_database: Database | None = None
    resources: Any = None
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        if self.optional_database is None:
            raise RuntimeError("this service has no database")
        return self.optional_database

    @property
    def watchers_database(self) -> Database:
        """What WebSockets read through: few connections of their own, so that pushes never wait for each other's
        requests nor requests for pushes."""
        if self.optional_watchers_database is None:
            raise RuntimeError("this service has no database")
        return self.optional_watchers_database


Resources: TypeAlias = Callable[[Running], AbstractAsyncContextManager[Any]]
Consumers: TypeAlias = Callable[[Running], Sequence[QueueConsumer]]
BackgroundTask: TypeAlias = Callable[[Running, asyncio.Event], Awaitable[None]]


def build_app(
    settings: ServiceSettings,
    schema: Schema,
    *,
    resources: Resources | None = None,
    consumers: Consumers | None = None,
    background: Sequence[BackgroundTask] = (),
    routers: Sequence[APIRouter] = (),
    retention: Sequence[Retention] = (),
) -> FastAPI:
    """``/graphql``, ``/health/live|ready``, the outbox relay (with a database and a topic) and the service's own parts.

    ``resources(running)`` is entered when the service starts and is what ``info.context.resources`` gives.
    ``consumers(running)`` run until the service stops; ``background`` tasks are called with the running service and
    an event that is set when they have to end; ``routers`` are routes beside GraphQL (no service token there);
    ``retention`` says which rows are deleted when.
    """
    if retention:
        background = (*background, retention_task(retention))
    configure_logging(settings.service, settings.log_level)
    verifier = ServiceTokenVerifier(settings.service_token_jwks, settings.service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            running = Running(settings, Aws(settings), *_open_databases(settings))
            stack.callback(running.aws.close)
            for database in (running.optional_database, running.optional_watchers_database):
                if database is not None:
                    stack.push_async_callback(database.dispose)
            if resources is not None:
                running.resources = await stack.enter_async_context(resources(running))
            stopping = asyncio.Event()
            running.tasks = _start_tasks(running, stopping, consumers, background)
            stack.push_async_callback(_stop_tasks, running.tasks, stopping)
            app.state.running = running
            log.info("service_started", tasks=sorted(running.tasks))
            yield
            log.info("service_stopping")

    app = FastAPI(
        title=settings.service, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, debug=False
    )
    app.state.lanes = make_lanes()
    app.add_middleware(Admitted, lanes=app.state.lanes)
    app.add_middleware(Gatekeeper, verifier=verifier)
    app.add_exception_handler(BodyTooLarge, _answer_too_large)
    app.include_router(health.router)
    app.include_router(GraphQLEndpoint(schema))
    for router in routers:
        app.include_router(router)
    return app


def _open_databases(settings: ServiceSettings) -> tuple[Database | None, Database | None]:
    """For requests, and for WebSockets. No connection is made before it is needed."""
    url, name = settings.database_url, settings.service
    if url is None:
        return None, None
    return (
        Database(url, pool_size=settings.database_pool_size, application_name=name),
        Database(url, pool_size=WATCHERS_POOL_SIZE, application_name=f"{name}-watchers"),
    )


def _start_tasks(
    running: Running,
    stopping: asyncio.Event,
    consumers: Consumers | None,
    background: Sequence[BackgroundTask],
) -> dict[str, asyncio.Task[None]]:
    settings: ServiceSettings = running.settings
    runs: dict[str, Awaitable[None]] = {}
    if running.optional_database is not None and settings.events_topic_arn is not None:
        runs["relay"] = Relay(running.optional_database, running.aws, settings.events_topic_arn).run(stopping)
    for number, consumer in enumerate(consumers(running) if consumers is not None else ()):
        runs[f"consumer-{number}"] = consumer.run(stopping)
    for task in background:
        runs[getattr(task, "__name__", repr(task))] = task(running, stopping)
    return {name: asyncio.create_task(_supervise(name, run), name=name) for name, run in runs.items()}


async def _supervise(name: str, run: Awaitable[None]) -> None:
    try:
        await run
    except Exception:
        # Readiness turns 503 with it, and the orchestrator replaces the process.
        log.exception("background_task_died", task=name)


async def _stop_tasks(tasks: dict[str, asyncio.Task[None]], stopping: asyncio.Event) -> None:
    stopping.set()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks.values(), timeout=STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _answer_too_large(_request: Request, _exc: Exception) -> PlainTextResponse:
    return PlainTextResponse("The body is too large.", status_code=413, headers={"connection": "close"})
