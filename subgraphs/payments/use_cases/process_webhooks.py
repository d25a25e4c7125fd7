"""Take stored webhook messages and act upon them, each until it has worked."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import webhook_events
from subgraphs.payments.repositories.webhook_events import StoredNotice
from subgraphs.payments.use_cases.act_on_notice import act_on_notice

log = structlog.get_logger(__name__)

BATCH: Final = 10
MAX_ATTEMPTS: Final = 30
"""Some two hours. What a message would have told is asked for by reconciliation anyway."""


async def process_webhooks(ports: Ports) -> int:
    """How many were taken. One that fails is put back with a pause; one whose process dies comes back by its lease."""
    async with ports.database.transaction() as connection:
        taken = await webhook_events.claim(connection, ports.now(), BATCH)
    for stored in taken:
        await _process(ports, stored)
    return len(taken)


async def _process(ports: Ports, stored: StoredNotice) -> None:
    try:
        outcome = await act_on_notice(ports, stored.notice)
    except GatewayFault as exc:
        if stored.attempts < MAX_ATTEMPTS:
            log.warning("webhook_postponed", webhook=stored.id, attempts=stored.attempts, reason=str(exc))
            pause = timedelta(seconds=min(300, 2**stored.attempts))
            async with ports.database.transaction() as connection:
                await webhook_events.put_back(connection, stored.id, ports.now(), pause)
            return
        log.error("webhook_given_up", webhook=stored.id, reason=str(exc))
        outcome = "given_up"
    async with ports.database.transaction() as connection:
        await webhook_events.finish(connection, stored.id, ports.now(), outcome)
