"""The bank's HTTP: OAuth2 client credentials and the Pix API v2."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from infra.local.sandbox.bank.ledger import Bank, Refused
from infra.local.sandbox.bank.messages import REFUND_ID_PATTERN, TXID_PATTERN, CobChange, NewCob, NewDevolucao
from infra.local.sandbox.body import read_body
from infra.local.sandbox.faults import Company, FaultSwitches, spoil
from infra.local.sandbox.settings import Settings
from infra.local.sandbox.store import Store

TOKEN_SECONDS: Final = 300
ERROR_TYPE: Final = "https://pix.bcb.gov.br/api/v2/error/"

M = TypeVar("M", bound=BaseModel)


def bank_router(bank: Bank, store: Store, switches: FaultSwitches, settings: Settings) -> APIRouter:
    class BankRoute(APIRoute):
        """Faults first, then the bank's own way of saying no."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await spoil(switches, Company.PIX, request, answer)
                except Refused as exc:
                    return _problem(exc.kind, exc.detail, exc.status)
                except HTTPException as exc:
                    return _problem(
                        "ErroInterno" if exc.status_code >= 500 else "Recusado", exc.detail, exc.status_code
                    )

            return handler

    router = APIRouter(route_class=BankRoute)

    @router.post("/oauth/token")
    async def token(request: Request) -> Response:
        form = parse_qs((await read_body(request)).decode("latin-1"))
        if form.get("grant_type") != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        expected = f"{settings.pix_client_id}:{settings.pix_client_secret}"
        if not secrets.compare_digest(_basic(request), expected.encode()):
            return JSONResponse({"error": "invalid_client"}, 401)
        made = secrets.token_urlsafe(32)
        store.put("token", made, {"until": time.time() + TOKEN_SECONDS})
        return JSONResponse(
            {
                "access_token": made,
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "scope": form.get("scope", [""])[0],
            }
        )

    def authorise(request: Request) -> None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        known = store.get("token", value) if scheme == "Bearer" else None
        if known is None or known["until"] < time.time():
            raise Refused("AcessoNegado", "No valid token.", 401)

    @router.put("/v2/cob/{txid}")
    async def put_cob(txid: str, request: Request) -> Response:
        authorise(request)
        _check(TXID_PATTERN, txid)
        return JSONResponse(bank.create(txid, await _read(request, NewCob)), 201)

    @router.get("/v2/cob/{txid}")
    async def get_cob(txid: str, request: Request) -> Response:
        authorise(request)
        return JSONResponse(bank.find(txid))

    @router.patch("/v2/cob/{txid}")
    async def patch_cob(txid: str, request: Request) -> Response:
        authorise(request)
        change = await _read(request, CobChange)
        return JSONResponse(bank.remove(txid, change.status))

    @router.get("/v2/pix/{end_to_end_id}")
    async def get_pix(end_to_end_id: str, request: Request) -> Response:
        authorise(request)
        return JSONResponse(bank.find_pix(end_to_end_id))

    @router.put("/v2/pix/{end_to_end_id}/devolucao/{refund_id}")
    async def put_refund(end_to_end_id: str, refund_id: str, request: Request) -> Response:
        authorise(request)
        _check(REFUND_ID_PATTERN, refund_id)
        wanted = await _read(request, NewDevolucao)
        return JSONResponse(bank.refund(end_to_end_id, refund_id, wanted.valor), 201)

    @router.get("/v2/pix/{end_to_end_id}/devolucao/{refund_id}")
    async def get_refund(end_to_end_id: str, refund_id: str, request: Request) -> Response:
        authorise(request)
        return JSONResponse(bank.find_refund(end_to_end_id, refund_id))

    return router


def _problem(kind: str, detail: str, status: int) -> Response:
    body = {"type": ERROR_TYPE + kind, "title": kind, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def _check(pattern: str, text: str) -> None:
    if re.fullmatch(pattern, text, re.ASCII) is None:
        raise Refused("RequisicaoInvalida", "An id has not the required form.")


async def _read(request: Request, kind: type[M]) -> M:
    try:
        return kind.model_validate_json(await read_body(request))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise Refused("CobOperacaoInvalida", f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from exc


def _basic(request: Request) -> bytes:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(value, validate=True) if scheme == "Basic" else b""
    except (binascii.Error, ValueError):
        return b""
