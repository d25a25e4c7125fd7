"""OAuth2 client credentials of the bank's Pix API, with the token kept until shortly before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final

import httpx
import msgspec

from subgraphs.payments.errors import GatewayAnswerInvalid
from subgraphs.payments.gateways.http_faults import check_status, mapped_faults

SCOPE: Final = "cob.write cob.read pix.write pix.read"
EARLY_S: Final = 30.0


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class PixAccess(httpx.Auth):
    """httpx authentication: puts the token on each request, and asks for a new one once when the bank answers 401."""

    requires_response_body = False

    def __init__(self, client: httpx.AsyncClient, *, client_id: str, client_secret: str, provider: str) -> None:
        self._client = client
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._provider = provider
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._until = 0.0

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._current()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            self._forget(token)
            request.headers["Authorization"] = f"Bearer {await self._current()}"
            yield request

    def _forget(self, token: str) -> None:
        if self._token == token:
            self._token = None

    async def _current(self) -> str:
        async with self._lock:
            if self._token is None or time.monotonic() >= self._until:
                answer = await self._ask()
                self._token = answer.access_token
                self._until = time.monotonic() + max(0.0, answer.expires_in - EARLY_S)
            return self._token

    async def _ask(self) -> _Token:
        with mapped_faults(self._provider):
            response = await self._client.post(
                "oauth/token", data={"grant_type": "client_credentials", "scope": SCOPE}, auth=self._credentials
            )
        check_status(self._provider, response)
        try:
            return msgspec.json.decode(response.content, type=_Token)
        except msgspec.DecodeError as exc:
            raise GatewayAnswerInvalid(self._provider, "token answer has not the promised shape") from exc
