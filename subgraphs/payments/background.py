"""What runs beside the requests: acting upon stored webhooks, and looking after what nobody tells us about.

Each company has lanes of its own, so that one that is slow or away holds up nothing of the other's. A lane outlives
every fault: what was to be done is still in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from subgraphs.chassis.app import Running
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.check_unfinished import check_payments, push_refunds, withdraw_charges
from subgraphs.payments.use_cases.process_webhooks import process_webhooks

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0

Work = Callable[[str], Awaitable[int]]


async def act_on_webhooks(running: Running, stopping: asyncio.Event) -> None:
    ports: Ports = running.resources

    async def process(provider: str) -> int:
        return await process_webhooks(ports, provider)

    await asyncio.gather(
        *(_lane(process, provider, stopping, ports.webhook_stored[provider]) for provider in ports.gateways.providers())
    )


async def look_after_unfinished(running: Running, stopping: asyncio.Event) -> None:
    ports: Ports = running.resources
    pause = timedelta(seconds=running.settings.check_open_after_seconds)

    async def check(provider: str) -> int:
        return await check_payments(ports, provider, pause)

    async def push(provider: str) -> int:
        return await push_refunds(ports, provider)

    async def withdraw(provider: str) -> int:
        return await withdraw_charges(ports, provider)

    await asyncio.gather(
        *(
            _lane(work, provider, stopping)
            for provider in ports.gateways.providers()
            for work in (check, push, withdraw)
        )
    )


async def _lane(work: Work, provider: str, stopping: asyncio.Event, news: asyncio.Event | None = None) -> None:
    """Go on while there is something to do, else wait for news or a tick."""
    while not stopping.is_set():
        if news is not None:
            news.clear()
        try:
            done = await work(provider)
        except Exception:
            log.exception("lane_stumbled", lane=work.__name__, provider=provider)
            done = 0
        if not done or news is None:
            await _first_of(*(event for event in (stopping, news) if event is not None), seconds=TICK_S)


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Return when one of the events is set, or after ``seconds``."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
