"""Open charges of both companies, found by any name that a person may have at hand."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Query

from infra.local.sandbox.bank.ledger import Bank, Refused
from infra.local.sandbox.cards.ledger import CardCompany, CardFault
from infra.local.sandbox.faults import Company, Faults, FaultSwitches
from infra.local.sandbox.store import Document, Store

_GLOBAL_ID: Final = re.compile(r"Payment:([0-9a-fA-F-]{32,36})")


def normalised(reference: str) -> str:
    """The name a charge is stored under: the payment's hexadecimal id, a txid or ``pi_…``.

    Takes a payment's global id (base64 of ``Payment:<uuid>``) or UUID too.
    """
    if reference.startswith("pi_"):
        return reference
    try:
        decoded = base64.b64decode(reference, validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    found = _GLOBAL_ID.fullmatch(decoded)
    plain = (found[1] if found else reference).replace("-", "")
    return plain.lower() if re.fullmatch(r"[0-9a-fA-F]{32}", plain) else reference


def summary(kind: str, document: Document) -> dict[str, Any]:
    """What the page and the command line show of a charge."""
    if kind == "cob":
        return {
            "reference": document["txid"],
            "company": Company.PIX.value,
            "status": document["status"],
            "amountMinor": int(document["valor"]["original"].replace(".", "")),
            "description": document.get("solicitacaoPagador"),
            "brCode": document["pixCopiaECola"],
        }
    return {
        "reference": document["id"],
        "company": Company.STRIPE.value,
        "status": document["status"],
        "amountMinor": document["amount"],
        "description": document["description"],
        "brCode": None,
    }


def charges_router(store: Store, bank: Bank, cards: CardCompany, switches: FaultSwitches) -> APIRouter:
    router = APIRouter()

    def find(reference: str) -> tuple[str, str, Document]:
        known = store.find_named(normalised(reference))
        document = None if known is None else store.get(*known)
        if known is None or document is None:
            raise HTTPException(404, "no charge of that name")
        return *known, document

    @router.get("/charges")
    async def list_charges(limit: int = Query(default=50, ge=1, le=200)) -> list[dict[str, Any]]:
        return [
            summary(kind, document)
            for kind in ("cob", "intent")
            for document in store.newest(kind, is_open=True, limit=limit)
        ]

    @router.get("/charges/{reference}")
    async def show_charge(reference: str) -> dict[str, Any]:
        kind, _, document = find(reference)
        return summary(kind, document)

    @router.post("/charges/{reference}/{action}")
    async def act(reference: str, action: str) -> dict[str, Any]:
        """``pay``, ``pay-late`` (received although it has ended), ``fail`` (the company gives the charge up),
        ``expire`` (Pix only), or ``forge``: a rightly signed message of a payment that nobody made.
        """
        kind, key, _ = find(reference)
        try:
            match (kind, action):
                case ("cob", "pay"):
                    return summary(kind, bank.pay(key))
                case ("cob", "pay-late"):
                    return summary(kind, bank.pay(key, late=True))
                case ("cob", "forge"):
                    return summary(kind, bank.forge(key))
                case ("cob", "fail"):
                    return summary(kind, bank.remove(key, "REMOVIDA_PELO_PSP"))
                case ("cob", "expire"):
                    return summary(kind, bank.expire(key))
                case ("intent", "pay-late"):
                    return summary(kind, cards.decide(key, paid=True, late=True))
                case ("intent", "forge"):
                    return summary(kind, cards.forge(key))
                case ("intent", "pay" | "fail"):
                    return summary(kind, cards.decide(key, paid=action == "pay"))
        except Refused as exc:
            raise HTTPException(409, exc.detail) from exc
        except CardFault as exc:
            raise HTTPException(409, str(exc)) from exc
        raise HTTPException(404, "a charge cannot do that")

    @router.get("/faults")
    async def show_faults() -> dict[str, Faults]:
        return {company.value: switches.of(company) for company in Company}

    @router.put("/faults/{company}")
    async def set_faults(company: Company, faults: Faults) -> Faults:
        switches.set(company, faults)
        return faults

    return router
