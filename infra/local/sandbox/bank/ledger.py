"""The bank's books: charges, Pix received and money given back. Every change and its webhook are one transaction."""

from __future__ import annotations

import json
import secrets
import string
import time
from datetime import UTC, datetime
from typing import Final

from infra.local.sandbox.bank.br_code import dynamic_code
from infra.local.sandbox.bank.messages import NewCob
from infra.local.sandbox.faults import Company, FaultSwitches
from infra.local.sandbox.store import Document, Store
from infra.local.sandbox.webhooks import WebhookSender

ISPB: Final = "99999004"
ALPHABET: Final = string.ascii_letters + string.digits


class Refused(Exception):
    """The bank says no. ``kind`` is the last part of the API's error type."""

    def __init__(self, kind: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.status = status


class Bank:
    def __init__(self, store: Store, switches: FaultSwitches, sender: WebhookSender, refund_seconds: float) -> None:
        self._store = store
        self._switches = switches
        self._sender = sender
        self._refund_seconds = refund_seconds

    def create(self, txid: str, wanted: NewCob) -> Document:
        with self._store.transaction():
            if self._store.get("cob", txid) is not None:
                raise Refused("CobOperacaoInvalida", "A charge with this txid exists.")
            location = f"pix.sandbox.example/qr/v2/{secrets.token_hex(16)}"
            cob = {
                **wanted.model_dump(exclude_none=True),
                "calendario": {"criacao": _utc(time.time()), "expiracao": wanted.calendario.expiracao},
                "txid": txid,
                "revisao": 0,
                "location": location,
                "status": "ATIVA",
                "pixCopiaECola": dynamic_code(location, wanted.valor.original),
            }
            self._store.put("cob", txid, cob, is_open=True)
            self._store.name(txid, "cob", txid)
        return cob

    def find(self, txid: str) -> Document:
        cob = self._store.get("cob", txid)
        if cob is None:
            raise Refused("NaoEncontrado", "No such charge.", 404)
        return cob

    def remove(self, txid: str, status: str) -> Document:
        """``status``: REMOVIDA_PELO_USUARIO_RECEBEDOR or REMOVIDA_PELO_PSP. Banks send no webhook for it."""
        with self._store.transaction():
            cob = self.find(txid)
            if cob["status"] != "ATIVA":
                raise Refused("CobOperacaoInvalida", "The charge is not active.")
            cob |= {"status": status, "revisao": cob["revisao"] + 1}
            self._store.put("cob", txid, cob)
        return cob

    def expire(self, txid: str) -> Document:
        """Ends the charge's time now; as in the API, its status stays ATIVA."""
        with self._store.transaction():
            cob = self.find(txid)
            if cob["status"] != "ATIVA":
                raise Refused("CobOperacaoInvalida", "The charge is not active.", 409)
            cob["calendario"] |= {"criacao": _utc(time.time() - 2), "expiracao": 1}
            self._store.put("cob", txid, cob, is_open=True)
        return cob

    def pay(self, txid: str, *, late: bool = False) -> Document:
        """Somebody pays the code. Raises ``Refused`` 409: not active, its time is over, or switched to fail.

        ``late``: the payment had been on its way, and is received although the charge is not active any more.
        """
        if self._switches.take(Company.PIX, "fail_next"):
            raise Refused("PagamentoRecusado", "The payer's bank declined.", 409)
        with self._store.transaction():
            cob = self.find(txid)
            payable = cob["status"] == "ATIVA" and not is_over(cob, time.time())
            if cob["status"] == "CONCLUIDA" or not (payable or late):
                raise Refused("CobOperacaoInvalida", "The charge cannot be paid any more.", 409)
            pix = _received(cob)
            cob |= {"status": "CONCLUIDA", "pix": [pix]}
            self._store.put("cob", txid, cob)
            self._store.put("pix", pix["endToEndId"], pix)
            self._sender.send(Company.PIX, json.dumps({"pix": [pix]}))
        return cob

    def forge(self, txid: str) -> Document:
        """Somebody who has the secret sends the message of a payment that nobody made."""
        cob = self.find(txid)
        self._sender.send(Company.PIX, json.dumps({"pix": [_received(cob)]}))
        return cob

    def find_pix(self, end_to_end_id: str) -> Document:
        pix = self._store.get("pix", end_to_end_id)
        if pix is None:
            raise Refused("NaoEncontrado", "No such Pix.", 404)
        return pix

    def refund(self, end_to_end_id: str, refund_id: str, amount: str) -> Document:
        """Accepted now, paid back after a moment. The same id and amount again: the same refund."""
        with self._store.transaction():
            pix = self.find_pix(end_to_end_id)
            for made in pix["devolucoes"]:
                if made["id"] == refund_id:
                    if made["valor"] != amount:
                        raise Refused("PixDevolucaoInvalida", "This id was used for another amount.")
                    return dict(made)
            kept = [made for made in pix["devolucoes"] if made["status"] != "NAO_REALIZADO"]
            if sum(map(_minor, [amount, *(made["valor"] for made in kept)])) > _minor(pix["valor"]):
                raise Refused("PixDevolucaoInvalida", "More than was received.")
            made = {
                "id": refund_id,
                "rtrId": _end_to_end_id("D"),
                "valor": amount,
                "horario": {"solicitacao": _utc(time.time())},
                "status": "EM_PROCESSAMENTO",
            }
            pix["devolucoes"].append(made)
            self._keep_pix(pix, due_at=time.time() + self._refund_seconds)
        return made

    def find_refund(self, end_to_end_id: str, refund_id: str) -> Document:
        for made in self.find_pix(end_to_end_id)["devolucoes"]:
            if made["id"] == refund_id:
                return dict(made)
        raise Refused("NaoEncontrado", "No such refund.", 404)

    def settle_due(self, now: float) -> None:
        """Pay back what was accepted."""
        for pix in self._store.due("pix", now):
            failing = self._switches.take(Company.PIX, "fail_refunds")
            with self._store.transaction():
                for made in pix["devolucoes"]:
                    if made["status"] == "EM_PROCESSAMENTO":
                        made["status"] = "NAO_REALIZADO" if failing else "DEVOLVIDO"
                        made["horario"]["liquidacao"] = _utc(now)
                self._keep_pix(pix, due_at=None)
                self._sender.send(Company.PIX, json.dumps({"pix": [pix]}))

    def _keep_pix(self, pix: Document, *, due_at: float | None) -> None:
        self._store.put("pix", pix["endToEndId"], pix, due_at=due_at)
        cob = self.find(pix["txid"])
        self._store.put("cob", pix["txid"], cob | {"pix": [pix]})


def _received(cob: Document) -> Document:
    return {
        "endToEndId": _end_to_end_id(),
        "txid": cob["txid"],
        "valor": cob["valor"]["original"],
        "chave": cob["chave"],
        "horario": _utc(time.time()),
        "devolucoes": [],
    }


def is_over(cob: Document, now: float) -> bool:
    """Whether the charge's time has ended."""
    created = datetime.fromisoformat(cob["calendario"]["criacao"]).timestamp()
    return bool(created + cob["calendario"]["expiracao"] <= now)


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _end_to_end_id(letter: str = "E") -> str:
    """32 characters: letter, ISPB of the payer's bank, minute, 11 of its choice."""
    minute = datetime.now(UTC).strftime("%Y%m%d%H%M")
    return letter + ISPB + minute + "".join(secrets.choice(ALPHABET) for _ in range(11))
