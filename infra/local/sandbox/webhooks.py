"""Sends the companies' webhooks: signed at each attempt, kept until acknowledged, repeated with growing pauses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Final

import httpx
import structlog

from infra.local.sandbox.faults import Company, FaultSwitches
from infra.local.sandbox.store import Store

ATTEMPTS: Final = 12
TIMEOUT_S: Final = 5.0
LONGEST_PAUSE_S: Final = 30.0
REORDER_S: Final = 1.0
TICK_S: Final = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """``header`` carries ``t=<unix seconds>,v1=<HMAC-SHA256 of "<t>.<body>">``."""

    url: str
    secret: str
    header: str

    def sign(self, body: bytes, timestamp: int) -> str:
        digest = hmac.new(self.secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={timestamp},v1={digest}"


class WebhookSender:
    def __init__(self, store: Store, switches: FaultSwitches, targets: dict[Company, Target]) -> None:
        self._store = store
        self._switches = switches
        self._targets = targets
        self._woken = asyncio.Event()
        self._delay_next = False

    def send(self, company: Company, body: str) -> None:
        """Queue a message; call inside the store's transaction that makes it true."""
        faults = self._switches.of(company)
        if faults.drop_webhooks:
            log.info("webhook_dropped", company=company)
            return
        due_at = time.time()
        if faults.reorder_webhooks:
            self._delay_next = not self._delay_next
            due_at += REORDER_S if self._delay_next else 0.0
        for _ in range(2 if faults.duplicate_webhooks else 1):
            self._store.add_delivery(company, body, due_at)
        self._woken.set()

    async def run(self) -> None:
        """Deliver what is due until cancelled."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            while True:
                for number, company, body, attempts in self._store.due_deliveries(time.time()):
                    await self._deliver(client, number, Company(company), body.encode(), attempts)
                self._woken.clear()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def _deliver(
        self, client: httpx.AsyncClient, number: int, company: Company, body: bytes, attempts: int
    ) -> None:
        target = self._targets[company]
        headers = {"content-type": "application/json", target.header: target.sign(body, int(time.time()))}
        try:
            response = await client.post(target.url, content=body, headers=headers)
            answer = str(response.status_code)
            delivered = response.is_success
        except httpx.HTTPError as exc:
            answer, delivered = type(exc).__name__, False
        if delivered or attempts + 1 >= ATTEMPTS:
            self._store.end_delivery(number)
        else:
            self._store.postpone_delivery(number, time.time() + min(LONGEST_PAUSE_S, 0.5 * 2**attempts))
        log.info("webhook_sent", company=company, answer=answer, delivered=delivered, attempt=attempts + 1)
