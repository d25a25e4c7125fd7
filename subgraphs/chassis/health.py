"""Liveness (the process answers) and readiness (it can do its work)."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

PING_TIMEOUT_SECONDS: Final = 2.0

router = APIRouter(prefix="/health", include_in_schema=False)


@router.get("/live")
async def live() -> JSONResponse:
    return JSONResponse({"status": "live"})


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """200 when the database answers within 2 s and every background task runs, 503 otherwise."""
    running = getattr(request.app.state, "running", None)
    if running is None:
        return JSONResponse({"status": "starting"}, status_code=503)
    checks: dict[str, bool] = {name: not task.done() for name, task in running.tasks.items()}
    if running.optional_database is not None:
        try:
            await asyncio.wait_for(running.optional_database.ping(), PING_TIMEOUT_SECONDS)
            checks["database"] = True
        except Exception:  # whatever the driver raises means the same here
            checks["database"] = False
    healthy = all(checks.values())
    return JSONResponse(
        {"status": "ready" if healthy else "unready", "checks": checks}, status_code=200 if healthy else 503
    )
