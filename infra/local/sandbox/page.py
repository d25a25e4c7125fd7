"""The page at ``/``: open charges with their buttons, the last settled ones, the switches that are on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import segno
from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from infra.local.sandbox.charges import summary
from infra.local.sandbox.faults import Company, FaultSwitches
from infra.local.sandbox.store import Store

TEMPLATES: Final = Path(__file__).parent / "templates"
OPEN_SHOWN: Final = 30
CLOSED_SHOWN: Final = 10
HEADERS: Final = {
    "content-security-policy": "default-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def page_router(store: Store, switches: FaultSwitches) -> APIRouter:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    script = (TEMPLATES / "charges.js").read_text()
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        text = environment.get_template("charges.html").render(
            open=_charges(store, is_open=True, limit=OPEN_SHOWN),
            closed=_charges(store, is_open=False, limit=CLOSED_SHOWN),
            faults=_switched_on(switches),
        )
        return HTMLResponse(text, headers=HEADERS)

    @router.get("/charges.js")
    async def page_script() -> HTMLResponse:
        return HTMLResponse(script, media_type="text/javascript")

    return router


def _charges(store: Store, *, is_open: bool, limit: int) -> list[dict[str, Any]]:
    found = [
        summary(kind, document)
        for kind in ("cob", "intent")
        for document in store.newest(kind, is_open=is_open, limit=limit)
    ]
    return [
        item | {"amount": _reais(item["amountMinor"]), "qr": _qr(item["brCode"]) if is_open else None} for item in found
    ]


def _reais(minor: int) -> str:
    whole = f"{minor // 100:,}".replace(",", ".")
    return f"R$ {whole},{minor % 100:02d}"


def _qr(code: str | None) -> str | None:
    if code is None:
        return None
    out = io.BytesIO()
    segno.make_qr(code, error="m").save(out, kind="svg", xmldecl=False, svgns=True, scale=2, border=2, omitsize=True)
    return out.getvalue().decode()


def _switched_on(switches: FaultSwitches) -> list[str]:
    return [
        f"{company}: {name} {value}"
        for company in Company
        for name, value in switches.of(company).model_dump(exclude_defaults=True).items()
    ]
