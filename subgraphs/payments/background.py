"""What runs beside the requests: acting upon stored webhooks, and looking after what nobody tells us about."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from subgraphs.chassis.app import Running
from subgraphs.payments.ports import Ports
from subgraphs.payments.use_cases.check_unfinished import check_unfinished
from subgraphs.payments.use_cases.process_webhooks import process_webhooks

log = structlog.get_logger(__name__)

WEBHOOK_TICK_S: Final = 1.0
CHECK_TICK_S: Final = 1.0

# The database is away for a moment: what was to be done is still in it when it comes back.
_PASSING: Final = (SQLAlchemyError, OSError, TimeoutError)


async def act_on_webhooks(running: Running, stopping: asyncio.Event) -> None:
    ports: Ports = running.resources
    while not stopping.is_set():
        ports.webhook_stored.clear()
        try:
            taken = await process_webhooks(ports)
        except _PASSING:
            log.exception("webhooks_not_processed")
            taken = 0
        if not taken:
            await _first_of(stopping, ports.webhook_stored, seconds=WEBHOOK_TICK_S)


async def look_after_unfinished(running: Running, stopping: asyncio.Event) -> None:
    ports: Ports = running.resources
    pause = timedelta(seconds=running.settings.check_open_after_seconds)
    while not stopping.is_set():
        try:
            await check_unfinished(ports, pause)
        except _PASSING:
            log.exception("unfinished_not_checked")
        await _first_of(stopping, seconds=CHECK_TICK_S)


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Return when one of the events is set, or after ``seconds``."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
