"""The card company's HTTP: form-encoded requests, bearer keys, Idempotency-Key, errors in Stripe's shape."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from infra.local.sandbox.body import read_body
from infra.local.sandbox.cards.form import MalformedForm, read_form
from infra.local.sandbox.cards.ledger import CardCompany, CardFault, shown
from infra.local.sandbox.faults import Company, FaultSwitches, spoil
from infra.local.sandbox.settings import Settings
from infra.local.sandbox.store import Document, Store


def card_router(company: CardCompany, store: Store, switches: FaultSwitches, settings: Settings) -> APIRouter:
    class CardRoute(APIRoute):
        """Faults first, then key and idempotency, then the company's own way of saying no."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def checked(request: Request) -> Response:
                _check_key(request, settings.stripe_api_key)
                return await _once(store, request, answer)

            async def handler(request: Request) -> Response:
                try:
                    return await spoil(switches, Company.STRIPE, request, checked)
                except CardFault as exc:
                    return _failure(exc)
                except HTTPException as exc:
                    return _failure(CardFault(exc.status_code, "api_error", exc.detail))

            return handler

    router = APIRouter(prefix="/v1", route_class=CardRoute)

    @router.post("/payment_methods")
    async def create_payment_method(request: Request) -> Document:
        form = await _form(request)
        card = form.get("card")
        if not isinstance(card, dict) or not isinstance(card.get("number"), str):
            raise CardFault(400, "invalid_request_error", "Missing required param: card[number].", param="card[number]")
        return company.make_method(card["number"])

    @router.get("/payment_methods/{method}")
    async def retrieve_payment_method(method: str) -> Document:
        return company.find_method(method)

    @router.post("/payment_intents")
    async def create_payment_intent(request: Request) -> Document:
        form = await _form(request)
        return shown(company.create(form), _expand(form))

    @router.get("/payment_intents/{intent_id}")
    async def retrieve_payment_intent(intent_id: str, request: Request) -> Document:
        return shown(company.find(intent_id), _expand(_parsed(request.url.query)))

    @router.post("/payment_intents/{intent_id}/confirm")
    async def confirm_payment_intent(intent_id: str, request: Request) -> Document:
        form = await _form(request)
        return shown(company.confirm(intent_id, form), _expand(form))

    @router.post("/payment_intents/{intent_id}/cancel")
    async def cancel_payment_intent(intent_id: str, request: Request) -> Document:
        form = await _form(request)
        return shown(company.cancel(intent_id), _expand(form))

    @router.post("/refunds")
    async def create_refund(request: Request) -> Document:
        return company.refund(await _form(request))

    @router.get("/refunds")
    async def list_refunds(payment_intent: str) -> Document:
        return {
            "object": "list",
            "url": "/v1/refunds",
            "has_more": False,
            "data": company.refunds_of(payment_intent)[:100],
        }

    return router


async def _once(store: Store, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """The first answer to an Idempotency-Key is the answer; other parameters under it are refused."""
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return await answer(request)
    body = await read_body(request)
    wanted = hashlib.sha256(request.url.path.encode() + b"\0" + body).hexdigest()
    known = store.get("idempotency", key)
    if known is not None:
        if known["wanted"] != wanted:
            message = "Keys for idempotent requests can only be used with the parameters they were first used with."
            raise CardFault(400, "idempotency_error", message)
        replayed = {"idempotent-replayed": "true"}
        return Response(known["body"], known["status"], replayed, media_type="application/json")
    request.state.body = body
    try:
        response = await answer(request)
    except CardFault as exc:
        response = _failure(exc)
    if response.status_code < 500:
        kept = {"wanted": wanted, "status": response.status_code, "body": bytes(response.body).decode()}
        store.put("idempotency", key, kept)
    return response


def _failure(exc: CardFault) -> Response:
    error = dict(exc.error)
    if "payment_intent" in error:
        error["payment_intent"] = shown(error["payment_intent"])
    return JSONResponse({"error": error}, exc.status)


def _check_key(request: Request, expected: str) -> None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            value = base64.b64decode(value, validate=True).decode("latin-1").partition(":")[0]
        except (binascii.Error, ValueError):
            value = ""
    if not secrets.compare_digest(value.encode(), expected.encode()):
        raise CardFault(401, "invalid_request_error", "Invalid API Key provided.")


async def _form(request: Request) -> Document:
    body: bytes | None = getattr(request.state, "body", None)
    text = (await read_body(request) if body is None else body).decode("utf-8", "replace")
    return _parsed(text)


def _parsed(text: str) -> Document:
    try:
        return read_form(text)
    except MalformedForm as exc:
        raise CardFault(400, "invalid_request_error", str(exc)) from exc


def _expand(form: dict[str, Any]) -> list[str]:
    wanted = form.get("expand", [])
    return [str(item) for item in wanted] if isinstance(wanted, list) else []
