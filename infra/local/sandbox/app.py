"""Wires the sandbox: one process, two companies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from infra.local.sandbox.bank.ledger import Bank
from infra.local.sandbox.bank.routes import bank_router
from infra.local.sandbox.cards.ledger import CardCompany
from infra.local.sandbox.cards.routes import card_router
from infra.local.sandbox.charges import charges_router
from infra.local.sandbox.faults import Company, FaultSwitches
from infra.local.sandbox.page import page_router
from infra.local.sandbox.settings import Settings
from infra.local.sandbox.store import Store
from infra.local.sandbox.webhooks import Target, WebhookSender

TICK_S: Final = 0.1


def create_app(settings: Settings | None = None) -> FastAPI:
    if settings is None:
        settings = Settings()
    store = Store(settings.sandbox_data)
    switches = FaultSwitches(store)
    sender = WebhookSender(
        store,
        switches,
        {
            Company.PIX: Target(settings.pix_webhook_url, settings.pix_webhook_secret, "x-pix-signature"),
            Company.STRIPE: Target(settings.stripe_webhook_url, settings.stripe_webhook_secret, "stripe-signature"),
        },
    )
    bank = Bank(store, switches, sender, settings.refund_seconds)
    cards = CardCompany(
        store,
        switches,
        sender,
        slow_seconds=settings.slow_card_seconds,
        refund_seconds=settings.refund_seconds,
    )

    async def settle_due() -> None:
        while True:
            bank.settle_due(time.time())
            cards.settle_due(time.time())
            await asyncio.sleep(TICK_S)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(sender.run()), asyncio.create_task(settle_due())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            store.close()

    app = FastAPI(title="Sandbox bank and card company", lifespan=lifespan, docs_url=None, redoc_url=None)
    # Only names of this machine: a page of the internet cannot reach in through a name of its own.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "sandbox"])
    app.include_router(bank_router(bank, store, switches, settings))
    app.include_router(card_router(cards, store, switches, settings))
    app.include_router(charges_router(store, bank, cards, switches))
    app.include_router(page_router(store, switches))

    @app.get("/health/live")
    @app.get("/health/ready")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
