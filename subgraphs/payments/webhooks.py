"""Webhooks in: verified, stored once, acknowledged; acted upon afterwards."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from subgraphs.payments.errors import WebhookRefused
from subgraphs.payments.gateways.port import PaymentGateway
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import webhook_events

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
MAX_NOTICES: Final = 200

router = APIRouter(prefix="/webhooks", include_in_schema=False)


@router.post("/pix")
async def receive_pix(request: Request) -> Response:
    ports: Ports = request.app.state.running.resources
    return await _receive(ports, ports.gateways.pix, request)


@router.post("/stripe")
async def receive_stripe(request: Request) -> Response:
    ports: Ports = request.app.state.running.resources
    return await _receive(ports, ports.gateways.card, request)


async def _receive(ports: Ports, gateway: PaymentGateway, request: Request) -> Response:
    """200 stored (or known already), 400 not proven to come from the gateway, 413 too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return Response(status_code=413, headers={"connection": "close"})
    try:
        notices = gateway.read_webhook(bytes(body), request.headers, ports.now())
        if len(notices) > MAX_NOTICES:
            raise WebhookRefused("more messages than one delivery holds")
    except WebhookRefused as exc:
        log.warning("webhook_refused", provider=gateway.provider, reason=exc.reason)
        return Response(status_code=400)
    async with ports.database.transaction() as connection:
        new = await webhook_events.store(connection, notices, ports.now())
    if new:
        ports.webhook_stored[gateway.provider].set()
    log.info("webhook_received", provider=gateway.provider, kinds=[notice.kind for notice in notices], new=new)
    return Response(status_code=200)
