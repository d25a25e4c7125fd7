"""Take stored webhook messages of one company and act upon them, each on its own until it has worked.

A message that fails is put back with a growing pause, whatever its fault is. After ``MAX_ATTEMPTS`` it is set aside
with its reason. A process that dies over one has counted the attempt before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from subgraphs.chassis import metrics
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import webhook_events
from subgraphs.payments.repositories.webhook_events import StoredNotice
from subgraphs.payments.use_cases.act_on_notice import NotConfirmed, act_on_notice

log = structlog.get_logger(__name__)

BATCH: Final = 1
"""A company may take 7 s to answer, and the shortest lease lasts 15: nobody takes a message that is being worked on."""

MAX_ATTEMPTS: Final = 30
"""Some two hours. What a message would have told is asked for by ``check_payments`` anyway."""

CONFIRM_ATTEMPTS: Final = 4
"""Within half a minute: a gateway may say it in a message a moment before it says it when asked."""

SET_ASIDE: Final = "set_aside"


async def process_webhooks(ports: Ports, provider: str) -> int:
    """How many were taken. One whose process dies comes back by its lease."""
    async with ports.database.transaction() as connection:
        taken = await webhook_events.claim(connection, provider, ports.now(), BATCH)
    for stored in taken:
        try:
            await _process(ports, provider, stored)
        except Exception:
            # Not even its outcome could be stored: its lease brings it back.
            log.exception("webhook_left", webhook=stored.id, attempts=stored.attempts)
    return len(taken)


async def _process(ports: Ports, provider: str, stored: StoredNotice) -> None:
    if stored.attempts > MAX_ATTEMPTS:
        await _set_aside(ports, provider, stored, "every attempt ended with its process")
        return
    try:
        outcome = await act_on_notice(ports, stored.notice)
    except Exception as exc:
        expected = isinstance(exc, GatewayFault | NotConfirmed)
        reason = str(exc) if expected else type(exc).__name__
        if not expected:
            log.exception("webhook_failed", webhook=stored.id)
        if stored.attempts >= (CONFIRM_ATTEMPTS if isinstance(exc, NotConfirmed) else MAX_ATTEMPTS):
            await _set_aside(ports, provider, stored, reason)
            return
        log.warning("webhook_postponed", webhook=stored.id, attempts=stored.attempts, reason=reason)
        pause = timedelta(seconds=min(webhook_events.LONGEST_PAUSE_S, 2**stored.attempts))
        async with ports.database.transaction() as connection:
            await webhook_events.put_back(connection, stored.id, ports.now(), pause)
    else:
        async with ports.database.transaction() as connection:
            await webhook_events.finish(connection, stored.id, ports.now(), outcome)


async def _set_aside(ports: Ports, provider: str, stored: StoredNotice, reason: str) -> None:
    """For operators: the log names it, the metric counts it, the row keeps why."""
    log.error("webhook_set_aside", webhook=stored.id, provider=provider, attempts=stored.attempts, reason=reason)
    async with ports.database.transaction() as connection:
        await webhook_events.finish(connection, stored.id, ports.now(), SET_ASIDE, reason)
    metrics.count("WebhooksSetAside", Provider=provider)
