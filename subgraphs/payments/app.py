"""Wires the service: this is the only module that reads the environment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from subgraphs.chassis.app import Running, build_app
from subgraphs.payments import webhooks
from subgraphs.payments.background import act_on_webhooks, look_after_unfinished
from subgraphs.payments.gateways.pix import TIMEOUT, PixGateway
from subgraphs.payments.gateways.stripe_cards import StripeGateway, make_client
from subgraphs.payments.ports import Gateways, Ports
from subgraphs.payments.retention import RULES
from subgraphs.payments.schema import schema
from subgraphs.payments.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    if settings is None:
        settings = Settings()
    return build_app(
        settings,
        schema,
        resources=open_ports,
        background=[act_on_webhooks, look_after_unfinished],
        routers=[webhooks.router],
        retention=RULES,
    )


@asynccontextmanager
async def open_ports(running: Running) -> AsyncIterator[Ports]:
    settings: Settings = running.settings
    stripe_client, stripe_http = make_client(settings.stripe_api_key, settings.stripe_api_base)
    async with httpx.AsyncClient(base_url=settings.pix_base_url, timeout=TIMEOUT) as pix_http:
        pix = PixGateway(
            pix_http,
            client_id=settings.pix_client_id,
            client_secret=settings.pix_client_secret,
            key=settings.pix_key,
            webhook_secret=settings.pix_webhook_secret,
        )
        card = StripeGateway(stripe_client, webhook_secret=settings.stripe_webhook_secret)
        try:
            yield Ports(running.database, Gateways(pix=pix, card=card))
        finally:
            await stripe_http.close_async()  # type: ignore[no-untyped-call]
