"""Pix through the Central Bank's Pix API v2, which every Brazilian bank speaks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import httpx
import msgspec
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from subgraphs.payments.domain import br_code
from subgraphs.payments.domain.money import from_decimal_text, to_decimal_text
from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.refunds import Refund, RefundStatus
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayAnswerInvalid, GatewayRefused, GatewayUnavailable, WebhookRefused
from subgraphs.payments.gateways import pix_signature
from subgraphs.payments.gateways.http_faults import check_status, mapped_faults
from subgraphs.payments.gateways.pix_access import PixAccess
from subgraphs.payments.gateways.pix_messages import Cob, Devolucao, Pix, PixWebhook, cob_request
from subgraphs.payments.gateways.port import Charge, Notice, RefundReport, refund_submission_id

PROVIDER: Final = "pix"
TIMEOUT: Final = httpx.Timeout(3.0, connect=1.0)
ATTEMPTS: Final = 3
NO_ATTEMPT_AFTER_S: Final = 4.0
"""With the last attempt's own time limit, whoever waits for us hears of a slow bank within 7 s."""

MAX_ANSWER_BYTES: Final = 256 * 1024
MERCHANT_NAME: Final = "Bilhetagem"
MERCHANT_CITY: Final = "SAO PAULO"

T = TypeVar("T")

_ID: Final = re.compile(r"[A-Za-z0-9]{1,35}", re.ASCII)

_REFUND_STATUS: Final = {
    "EM_PROCESSAMENTO": RefundStatus.SUBMITTED,
    "DEVOLVIDO": RefundStatus.SUCCEEDED,
    "NAO_REALIZADO": RefundStatus.FAILED,
}


class PixGateway:
    """``base_url`` ends before ``/v2``; ``key`` is the Pix key that receives. Whoever made the client closes it."""

    provider = PROVIDER
    least_minor = 1
    takes_money = False

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        client_id: str,
        client_secret: str,
        key: str,
        webhook_secret: str,
        max_wait_s: float = 0.5,
    ) -> None:
        self._client = client
        self._access = PixAccess(client, client_id=client_id, client_secret=client_secret, provider=PROVIDER)
        self._key = key
        self._webhook_secret = webhook_secret
        self._max_wait_s = max_wait_s

    async def open_charge(self, payment: Payment) -> str:
        """The txid is ours to choose: the payment's id, 32 of the 26–35 characters [a-zA-Z0-9] allowed."""
        return payment.id.hex

    async def submit_charge(self, payment: Payment, now: datetime) -> Charge:
        body = cob_request(
            key=self._key,
            amount=to_decimal_text(payment.amount_minor),
            expires_in_s=max(1, math.ceil((payment.expires_at - now).total_seconds())),
            description=payment.description,
            payer_name=payment.payer_name,
        )
        try:
            cob = await self._ask(Cob, "PUT", _cob_path(payment), body)
        except GatewayRefused:
            # A repeated PUT of a txid that exists is refused by some banks: then what exists is the answer.
            found = await self.find_charge(payment)
            if found is None:
                raise
            return found
        return _charge(payment, cob)

    async def find_charge(self, payment: Payment) -> Charge | None:
        cob = await self._find(Cob, _cob_path(payment))
        return None if cob is None else _charge(payment, cob)

    async def cancel_charge(self, payment: Payment) -> Charge | None:
        try:
            cob = await self._ask(Cob, "PATCH", _cob_path(payment), {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"})
        except GatewayRefused:
            # Paid, removed already, or never there: the bank knows which.
            found = await self.find_charge(payment)
            if found is not None and found.status is PaymentStatus.REQUIRES_ACTION:
                raise
            return found
        return _charge(payment, cob)

    async def submit_refund(self, payment: Payment, refund: Refund) -> RefundReport:
        body = {"valor": to_decimal_text(refund.amount_minor)}
        return _refund_report(await self._ask(Devolucao, "PUT", _refund_path(payment, refund), body))

    async def find_refund(self, payment: Payment, refund: Refund) -> RefundReport | None:
        found = await self._find(Devolucao, _refund_path(payment, refund))
        return None if found is None else _refund_report(found)

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> list[Notice]:
        pix_signature.verify(body, headers.get(pix_signature.HEADER), self._webhook_secret, now)
        try:
            message = msgspec.json.decode(body, type=PixWebhook)
        except msgspec.DecodeError as exc:
            raise WebhookRefused("body has not the promised shape") from exc
        return [notice for pix in message.pix for notice in _notices(pix)]

    async def _find(self, kind: type[T], path: str) -> T | None:
        response = await self._send("GET", path, None)
        if response.status_code == 404:
            return None
        check_status(PROVIDER, response)
        return _decode(kind, response)

    async def _ask(self, kind: type[T], method: str, path: str, body: dict[str, Any]) -> T:
        response = await self._send(method, path, body)
        check_status(PROVIDER, response)
        return _decode(kind, response)

    async def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Every request names its object, so all of them are safe to repeat."""
        response: httpx.Response | None = None
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(NO_ATTEMPT_AFTER_S),
            wait=wait_random_exponential(multiplier=0.05, max=self._max_wait_s),
            retry=retry_if_exception_type(GatewayUnavailable),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt, mapped_faults(PROVIDER):
                response = await self._client.request(method, path, json=body, auth=self._access, timeout=TIMEOUT)
                if response.status_code >= 500 or response.status_code == 429:
                    check_status(PROVIDER, response)
        if response is None:
            raise GatewayUnavailable(PROVIDER, "no attempt was made")
        return response


def _cob_path(payment: Payment) -> str:
    return f"v2/cob/{payment.id.hex}"


def _refund_path(payment: Payment, refund: Refund) -> str:
    if payment.end_to_end_id is None:
        raise GatewayRefused(PROVIDER, "nothing was received that could be given back")
    return f"v2/pix/{payment.end_to_end_id}/devolucao/{refund_submission_id(refund.id, refund.attempt)}"


def _decode(kind: type[T], response: httpx.Response) -> T:
    if len(response.content) > MAX_ANSWER_BYTES:
        raise GatewayAnswerInvalid(PROVIDER, "answer is too large")
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as exc:
        raise GatewayAnswerInvalid(PROVIDER, f"{kind.__name__} has not the promised shape") from exc


def _minor(text: str) -> int:
    try:
        return from_decimal_text(text)
    except ValueError as exc:
        raise GatewayAnswerInvalid(PROVIDER, "amount is not a decimal") from exc


def _charge(payment: Payment, cob: Cob) -> Charge:
    if cob.txid != payment.id.hex or _minor(cob.valor.original) != payment.amount_minor:
        raise GatewayAnswerInvalid(PROVIDER, "answer is about another charge")
    match cob.status:
        case "ATIVA":
            code = _checked_code(payment, cob)
            return Charge(cob.txid, PaymentStatus.REQUIRES_ACTION, br_code=code)
        case "CONCLUIDA":
            if len(cob.pix) != 1:
                raise GatewayAnswerInvalid(PROVIDER, "a concluded charge has not exactly one Pix")
            received = cob.pix[0]
            return Charge(
                cob.txid,
                PaymentStatus.SUCCEEDED,
                captured_minor=_minor(received.valor),
                end_to_end_id=_end_to_end_id(received),
            )
        case "REMOVIDA_PELO_USUARIO_RECEBEDOR" | "REMOVIDA_PELO_PSP":
            return Charge(cob.txid, PaymentStatus.CANCELLED, failure_code=FailureCode.CANCELLED)
        case _:
            raise GatewayAnswerInvalid(PROVIDER, "unknown status of a charge")


def _checked_code(payment: Payment, cob: Cob) -> str:
    """The bank's own text, or one from its location (banks on older versions of the API); both are checked."""
    try:
        code = cob.pixCopiaECola or br_code.build(
            location=cob.location or "",
            merchant_name=MERCHANT_NAME,
            merchant_city=MERCHANT_CITY,
            amount_minor=payment.amount_minor,
        )
        charged = br_code.charged_minor(br_code.parse(code))
    except br_code.InvalidBrCode as exc:
        raise GatewayAnswerInvalid(PROVIDER, f"BR Code: {exc}") from exc
    if charged not in {None, payment.amount_minor}:
        raise GatewayAnswerInvalid(PROVIDER, "BR Code charges another amount")
    return code


def _end_to_end_id(pix: Pix) -> str:
    """It becomes part of a URL: 32 letters and digits by the Central Bank's rule."""
    if len(pix.end_to_end_id) != 32 or not (pix.end_to_end_id.isascii() and pix.end_to_end_id.isalnum()):
        raise GatewayAnswerInvalid(PROVIDER, "endToEndId is not 32 letters and digits")
    return pix.end_to_end_id


def _refund_report(devolucao: Devolucao) -> RefundReport:
    status = _REFUND_STATUS.get(devolucao.status)
    if status is None:
        raise GatewayAnswerInvalid(PROVIDER, "unknown status of a refund")
    failure = "NOT_PAID_BACK" if status is RefundStatus.FAILED else None
    return RefundReport(devolucao.id, status, _minor(devolucao.valor), failure)


def _notices(pix: Pix) -> list[Notice]:
    if not all(_ID.fullmatch(name) for name in (pix.txid or "none", *(item.id for item in pix.devolucoes))):
        raise WebhookRefused("a txid or refund id is not 1 to 35 letters and digits")
    try:
        _minor(pix.valor), _end_to_end_id(pix)
    except GatewayAnswerInvalid as exc:
        raise WebhookRefused(exc.reason) from exc
    return [
        Notice(PROVIDER, pix.end_to_end_id, "pix.received", pix.txid, paid=True),
        *(
            Notice(
                PROVIDER,
                f"{pix.end_to_end_id}:{item.id}:{item.status}"[:200],
                "pix.devolucao",
                pix.txid,
                refund=True,
            )
            for item in pix.devolucoes
        ),
    ]
