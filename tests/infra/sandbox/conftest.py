"""The sandbox as a real server, and somebody who receives its webhooks."""

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from infra.local.sandbox.app import create_app
from infra.local.sandbox.settings import Settings

PIX_SECRET, STRIPE_SECRET = "pix-secret", "stripe-secret"
SECRETS = {"x-pix-signature": PIX_SECRET, "stripe-signature": STRIPE_SECRET}


@dataclass
class Receiver:
    """Takes webhooks in as the payments service does; `answers` are the statuses given first, then 200."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        header = next(name for name in SECRETS if name in request.headers)
        timestamp, _, signature = request.headers[header].removeprefix("t=").partition(",v1=")
        expected = hmac.new(SECRETS[header].encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert signature == expected
        assert abs(time.time() - int(timestamp)) < 10
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.bodies.append(json.loads(body))
        return Response(status_code=status)

    async def until(self, count: int) -> list[dict[str, Any]]:
        """What was received once it is that much."""
        for _ in range(300):
            if len(self.bodies) >= count:
                break
            await asyncio.sleep(0.02)
        assert len(self.bodies) >= count, self.bodies
        return self.bodies


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    app = FastAPI()
    async with serve(app) as url:
        receiver = Receiver(url)
        app.add_api_route("/webhooks/{company}", receiver.take, methods=["POST"])
        yield receiver


Start = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def start(receiver: Receiver, tmp_path: Path) -> Start:
    """`async with start() as sandbox:` a client of a running sandbox whose books are kept in one folder."""

    @asynccontextmanager
    async def starting() -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(
            sandbox_data=tmp_path / "sandbox",
            pix_client_id="shop",
            pix_client_secret="pix-password",
            pix_webhook_url=f"{receiver.url}/webhooks/pix",
            pix_webhook_secret=PIX_SECRET,
            stripe_api_key="sk_test",
            stripe_webhook_url=f"{receiver.url}/webhooks/stripe",
            stripe_webhook_secret=STRIPE_SECRET,
            slow_card_seconds=0.3,
            refund_seconds=0.1,
        )
        async with (
            serve(create_app(settings)) as url,
            httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client,
        ):
            yield client

    return starting


@pytest.fixture
async def sandbox(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start() as client:
        yield client
