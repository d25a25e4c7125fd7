"""The card company's books. Every change and its webhook are one transaction."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Final

from infra.local.sandbox.cards.behaviours import NUMBERS, TOKENS, Behaviour
from infra.local.sandbox.faults import Company, FaultSwitches
from infra.local.sandbox.store import Document, Store
from infra.local.sandbox.webhooks import WebhookSender

API_VERSION: Final = "2026-10-28.endive"
CONFIRMABLE: Final = frozenset({"requires_confirmation", "requires_payment_method"})
CANCELLABLE: Final = frozenset({"requires_confirmation", "requires_payment_method", "requires_action"})


class CardFault(Exception):
    """An answer in Stripe's error shape."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message, **more}


class CardCompany:
    def __init__(
        self,
        store: Store,
        switches: FaultSwitches,
        sender: WebhookSender,
        *,
        slow_seconds: float,
        refund_seconds: float,
    ) -> None:
        self._store = store
        self._switches = switches
        self._sender = sender
        self._slow_seconds = slow_seconds
        self._refund_seconds = refund_seconds

    def make_method(self, number: str) -> Document:
        """A token for a test card's number; the number itself is not kept."""
        behaviour = NUMBERS.get(number.replace(" ", ""))
        if behaviour is None:
            raise CardFault(402, "card_error", "Your card number is incorrect.", code="incorrect_number")
        token = next(token for token, known in TOKENS.items() if known is behaviour)
        made: Document = {
            "id": _id("pm"),
            "object": "payment_method",
            "type": "card",
            "card": {"brand": behaviour.brand, "last4": behaviour.last4},
            "created": int(time.time()),
            "livemode": False,
            "metadata": {},
        }
        self._store.put("payment_method", made["id"], made | {"behaves_like": token})
        return made

    def find_method(self, method: str) -> Document:
        behaviour = self._behaviour(method)
        card = {"brand": behaviour.brand, "last4": behaviour.last4}
        return {
            "id": method,
            "object": "payment_method",
            "type": "card",
            "card": card,
            "livemode": False,
            "metadata": {},
        }

    def create(self, form: Document) -> Document:
        try:
            amount = int(form.get("amount", ""))
        except ValueError as exc:
            raise _invalid("Invalid integer: amount", "amount", "parameter_invalid_integer") from exc
        if not 50 <= amount <= 99_999_999:
            raise _invalid("Amount must be between 50 and 99999999.", "amount", "amount_too_small")
        if form.get("currency") != "brl":
            raise _invalid("This account takes brl.", "currency", "invalid_currency")
        method = form.get("payment_method")
        if method is not None:
            self._behaviour(method)
        metadata = form.get("metadata", {})
        intent = {
            "id": _id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "cancellation_reason": None,
            "client_secret": _id("pi") + "_secret_" + secrets.token_hex(8),
            "created": int(time.time()),
            "currency": "brl",
            "description": form.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata,
            "payment_method": method,
            "payment_method_types": ["card"],
            "status": "requires_payment_method" if method is None else "requires_confirmation",
        }
        with self._store.transaction():
            self._keep(intent)
            self._store.name(intent["id"], "intent", intent["id"])
            if isinstance(metadata, dict) and "payment_id" in metadata:
                self._store.name(str(metadata["payment_id"]).replace("-", ""), "intent", intent["id"])
        return intent if form.get("confirm") != "true" else self.confirm(intent["id"], form)

    def find(self, intent_id: str) -> Document:
        intent = self._store.get("intent", intent_id)
        if intent is None:
            raise CardFault(
                404,
                "invalid_request_error",
                f"No such payment_intent: '{intent_id[:60]}'",
                param="intent",
                code="resource_missing",
            )
        return intent

    def confirm(self, intent_id: str, form: Document) -> Document:
        """Raises ``CardFault`` 402 with the intent in it when the card is declined."""
        with self._store.transaction():
            intent = self.find(intent_id)
            if intent["status"] not in CONFIRMABLE:
                raise _unexpected_state(intent)
            method = form.get("payment_method") or intent["payment_method"]
            if method is None:
                raise _invalid("You cannot confirm this PaymentIntent without a payment method.", "payment_method")
            behaviour = self._behaviour(method)
            intent["payment_method"] = method
            if self._switches.take(Company.STRIPE, "fail_next"):
                behaviour = TOKENS["pm_card_chargeDeclined"]
            if behaviour.slow:
                intent["status"] = "processing"
                self._keep(intent, due_at=time.time() + self._slow_seconds)
                self._tell("payment_intent.processing", intent)
            elif behaviour.code is None:
                self._settle(intent, behaviour)
            else:
                self._decline(intent, behaviour)
        if intent["last_payment_error"] is not None and intent["status"] == "requires_payment_method":
            error = intent["last_payment_error"]
            more = {"code": error["code"], "decline_code": error["decline_code"], "payment_intent": intent}
            raise CardFault(402, error["type"], error["message"], **more)
        return intent

    def cancel(self, intent_id: str) -> Document:
        with self._store.transaction():
            intent = self.find(intent_id)
            if intent["status"] not in CANCELLABLE:
                raise _unexpected_state(intent)
            intent |= {"status": "canceled", "canceled_at": int(time.time())}
            self._keep(intent)
            self._tell("payment_intent.canceled", intent)
        return intent

    def forge(self, intent_id: str) -> Document:
        """Somebody who has the secret sends the event of a payment that nobody made."""
        intent = self.find(intent_id)
        self._tell("payment_intent.succeeded", intent | {"status": "succeeded", "amount_received": intent["amount"]})
        return intent

    def decide(self, intent_id: str, *, paid: bool, late: bool = False) -> Document:
        """What the page's buttons do to an intent in processing. ``late``: to one that has ended without money too."""
        with self._store.transaction():
            intent = self.find(intent_id)
            if intent["status"] != "processing" and (intent["status"] == "succeeded" or not late):
                raise _unexpected_state(intent)
            if paid:
                self._settle(intent, self._behaviour(intent["payment_method"]))
            else:
                self._decline(intent, TOKENS["pm_card_chargeDeclined"])
        return intent

    def refund(self, form: Document) -> Document:
        with self._store.transaction():
            intent = self.find(str(form.get("payment_intent", "")))
            if intent["status"] != "succeeded":
                raise _invalid("This PaymentIntent does not have a successful charge to refund.", "payment_intent")
            refunds = intent.setdefault("refunds", [])
            left = intent["amount_received"] - sum(made["amount"] for made in refunds if made["status"] != "failed")
            try:
                amount = int(form.get("amount", left))
            except ValueError as exc:
                raise _invalid("Invalid integer: amount", "amount", "parameter_invalid_integer") from exc
            if left == 0:
                raise _invalid("The charge has already been refunded.", "payment_intent", "charge_already_refunded")
            if not 1 <= amount <= left:
                raise _invalid("Refund amount is greater than unrefunded amount on charge.", "amount")
            made = {
                "id": _id("re"),
                "object": "refund",
                "amount": amount,
                "charge": intent["latest_charge"]["id"],
                "created": int(time.time()),
                "currency": intent["currency"],
                "failure_reason": None,
                "metadata": form.get("metadata", {}),
                "payment_intent": intent["id"],
                "status": "pending",
            }
            refunds.append(made)
            self._keep(intent, due_at=time.time() + self._refund_seconds)
            self._tell("refund.created", made)
        return made

    def refunds_of(self, intent_id: str) -> list[Document]:
        """The newest first."""
        return list(reversed(self.find(intent_id).get("refunds", [])))

    def settle_due(self, now: float) -> None:
        """Finish what takes its time: slow cards and refunds."""
        for intent in self._store.due("intent", now):
            with self._store.transaction():
                if intent["status"] == "processing":
                    self._settle(intent, self._behaviour(intent["payment_method"]))
                    continue
                for made in intent.get("refunds", []):
                    if made["status"] == "pending":
                        failing = self._switches.take(Company.STRIPE, "fail_refunds")
                        made["status"] = "failed" if failing else "succeeded"
                        made["failure_reason"] = "expired_or_canceled_card" if failing else None
                        self._tell("refund.updated", made)
                self._keep(intent)

    def _settle(self, intent: Document, behaviour: Behaviour) -> None:
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
        intent["latest_charge"] = {
            "id": _id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "currency": intent["currency"],
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method_details": {"type": "card", "card": {"brand": behaviour.brand, "last4": behaviour.last4}},
            "status": "succeeded",
        }
        self._keep(intent)
        self._tell("payment_intent.succeeded", intent)

    def _decline(self, intent: Document, behaviour: Behaviour) -> None:
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {
            "type": "card_error",
            "code": behaviour.code,
            "decline_code": behaviour.decline_code,
            "message": "Your card was declined.",
        }
        self._keep(intent)
        self._tell("payment_intent.payment_failed", intent)

    def _keep(self, intent: Document, *, due_at: float | None = None) -> None:
        self._store.put("intent", intent["id"], intent, is_open=intent["status"] == "processing", due_at=due_at)

    def _tell(self, event_type: str, about: Document) -> None:
        event = {
            "id": _id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": shown(about)},
            "livemode": False,
            "pending_webhooks": 1,
            "type": event_type,
        }
        self._sender.send(Company.STRIPE, json.dumps(event))

    def _behaviour(self, method: str) -> Behaviour:
        known = TOKENS.get(method)
        if known is None and (made := self._store.get("payment_method", method)) is not None:
            known = TOKENS[made["behaves_like"]]
        if known is None:
            message = f"No such PaymentMethod: '{method[:60]}'"
            raise _invalid(message, "payment_method", "resource_missing")
        return known


def shown(document: Document, expand: list[str] | None = None) -> Document:
    """As the API shows it: related objects are ids unless expanded."""
    answer = {name: value for name, value in document.items() if name != "refunds"}
    charge = answer.get("latest_charge")
    if isinstance(charge, dict) and "latest_charge" not in (expand or []):
        answer["latest_charge"] = charge["id"]
    return answer


def _invalid(message: str, param: str, code: str | None = None) -> CardFault:
    return CardFault(400, "invalid_request_error", message, param=param, code=code)


def _unexpected_state(intent: Document) -> CardFault:
    return CardFault(
        400,
        "invalid_request_error",
        f"This PaymentIntent has status {intent['status']}, which does not allow that.",
        code="payment_intent_unexpected_state",
        payment_intent=shown(intent),
    )


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
