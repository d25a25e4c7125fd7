"""Switches that make a company slow, absent, wrong or forgetful. ``PUT /faults/{company}`` sets them all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

from fastapi import HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from infra.local.sandbox.store import Store


class Company(StrEnum):
    PIX = "pix"
    STRIPE = "stripe"


class Faults(BaseModel):
    """Numbers count down by themselves: ``http_500: 2`` spoils the next two requests. Left out = off."""

    model_config = ConfigDict(extra="forbid")

    only: str = Field(default="", description="just the requests of the API whose path ends so, such as /confirm")
    delay_ms: int = Field(default=0, ge=0, le=60_000, description="before each answer of the API")
    http_500: int = Field(default=0, ge=0, description="requests answered 500 without doing anything")
    http_500_after: int = Field(default=0, ge=0, description="requests done and then answered 500: the answer is lost")
    malformed: int = Field(default=0, ge=0, description="requests done and then answered with broken JSON")
    fail_next: int = Field(default=0, ge=0, description="payments that end declined")
    fail_refunds: int = Field(default=0, ge=0, description="refunds that fail after being accepted")
    duplicate_webhooks: bool = False
    reorder_webhooks: bool = False
    drop_webhooks: bool = False


class FaultSwitches:
    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, company: Company) -> Faults:
        return Faults.model_validate(self._store.get("faults", company) or {})

    def set(self, company: Company, faults: Faults) -> None:
        self._store.put("faults", company, faults.model_dump())

    def take(self, company: Company, name: str) -> bool:
        """Whether this counted fault happens now; one fewer is left."""
        faults = self.of(company)
        left: int = getattr(faults, name)
        if left > 0:
            self.set(company, faults.model_copy(update={name: left - 1}))
        return left > 0


async def spoil(
    switches: FaultSwitches, company: Company, request: Request, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Answer a request of a company's API as its switches say."""
    if not request.url.path.endswith(switches.of(company).only):
        return await answer(request)
    delay = switches.of(company).delay_ms
    if delay:
        await asyncio.sleep(delay / 1000)
    if switches.take(company, "http_500"):
        raise HTTPException(500, "switched to fail")
    response = await answer(request)
    if switches.take(company, "http_500_after"):
        raise HTTPException(500, "switched to lose the answer")
    if switches.take(company, "malformed"):
        return Response(b'{"status": "CONC', media_type="application/json")
    return response
