"""One mail per ending, true for its case: every way in which the flow ends an order, in both languages and channels."""

import json
from typing import Any
from uuid import uuid4

import pytest

from subgraphs.notifications.domain.contact import Language
from subgraphs.notifications.domain.notification import TEMPLATE_OF_EVENT, Channel, Notification, Template
from subgraphs.notifications.domain.texts import TEXTS
from subgraphs.notifications.events import ORDER_EVENTS
from subgraphs.notifications.rendering import render_email, render_sms
from workers.reservation_flow.closing import closing_event
from workers.reservation_flow.events import message_of

_ORDER = {
    "event_id": str(uuid4()),
    "event_name": "Palmeiras × Santos",
    "session_id": str(uuid4()),
    "venue_name": "Allianz Parque",
    "starts_at": "2026-12-01T23:30:00Z",
    "time_zone": "America/Sao_Paulo",
    "units": ["A-1"],
    "tickets": [{"id": str(uuid4()), "code": "ABCD2345", "qr_payload": "BT1.one"}],
    "total_minor": 24_000,
    "currency": "BRL",
}
_NO_CONCESSIONS: dict[str, Any] = {"pickup_code": "", "items": [], "refund_minor": 0}
_BOTH = {"pt-BR": "R$\N{NO-BREAK SPACE}", "en": "R$"}
NOTHING = ("Nada foi cobrado", "Nothing was charged")
RETURNING = ("devolvendo {amount}", "returning {amount}")
WHAT_YOU_PAID = ("O valor pago será devolvido", "What you paid goes back")

# What happened, as the state machine tells it; what must be said of the money (and why), and what must not.
ENDINGS: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "paid": (
        "order.confirmed",
        {"order": _ORDER, "concessions": _NO_CONCESSIONS, "payment_id": "p", "amount_minor": 24_000},
        [("Total: {240}", "Total: {240}")],
        [NOTHING, ("devolv", "return")],
    ),
    "paid late and confirmed all the same": (
        "order.confirmed",
        {"order": _ORDER, "concessions": _NO_CONCESSIONS, "payment_id": "late", "amount_minor": 24_000},
        [("Total: {240}", "Total: {240}")],
        [NOTHING, ("devolv", "return"), ("expir", "expired")],
    ),
    "paid, concessions refunded in part": (
        "order.confirmed",
        {
            "order": _ORDER,
            "concessions": {**_NO_CONCESSIONS, "refund_minor": 3_500},
            "payment_id": "p",
            "amount_minor": 27_500,
        },
        [("Total: {240}", "Total: {240}"), ("bombonière não estava mais disponível", "no longer available"), RETURNING],
        [NOTHING],
    ),
    "free": (
        "order.confirmed",
        {"order": _ORDER, "concessions": _NO_CONCESSIONS, "payment_id": "", "amount_minor": 0},
        [("Total: {0}", "Total: {0}")],
        [("devolv", "return")],
    ),
    "expired": ("order.expired", {}, [NOTHING], [("devolv", "return")]),
    "cancelled before payment": (
        "order.cancelled",
        {"payment_id": "", "refunded_minor": 0},
        [NOTHING],
        [("devolv", "return"), ("prazo", "too late")],
    ),
    "cancelled after payment": (
        "order.cancelled",
        {"payment_id": "p", "refunded_minor": 3_500},
        [RETURNING],
        [NOTHING, ("prazo", "too late")],
    ),
    "cancelled while the bank pays": (
        "order.cancelled",
        {"payment_id": "p", "refunded_minor": 3_500, "reason": "cancelled_by_customer"},
        [RETURNING, ("foi cancelada", "was cancelled")],
        [NOTHING, ("prazo", "too late"), ("já não estavam", "no longer")],
    ),
    "cancelled, and somebody gave the money back before": (
        "order.cancelled",
        {"payment_id": "p", "refunded_minor": 0},
        [WHAT_YOU_PAID],
        [NOTHING],
    ),
    "paid late, units taken": (
        "order.refunded",
        {"payment_id": "p", "refunded_minor": 3_500, "reason": "units_unavailable"},
        [RETURNING, ("depois do prazo", "too late")],
        [NOTHING],
    ),
    "paid twice": (
        "order.refunded",
        {"payment_id": "p", "refunded_minor": 3_500, "reason": "paid_twice"},
        [RETURNING, ("continua confirmada", "stays confirmed")],
        [NOTHING, ("prazo", "too late"), ("disponíve", "available")],
    ),
    "another amount": (
        "order.refunded",
        {"payment_id": "p", "refunded_minor": 3_500, "reason": "amount_mismatch"},
        [RETURNING, ("não foi confirmada", "not confirmed")],
        [NOTHING, ("prazo", "too late")],
    ),
}


def notification(ending: str, language: Language, channel: Channel) -> Notification:
    """What reaches this service when the reservation's flow has ended this way."""
    kind, told, _, _ = ENDINGS[ending]
    whose = {"reservation_id": str(uuid4()), "customer_id": str(uuid4())}
    _, message = message_of(closing_event(kind, {**whose, **told}))
    event = json.loads(message)
    return Notification(
        uuid4(), event["id"], uuid4(), channel, TEMPLATE_OF_EVENT[kind], "r", "Ana", language, event["data"]
    )


def _in(language: Language, texts: tuple[str, str]) -> str:
    sign = _BOTH[language.value]
    money = {"240": "240,00", "0": "0,00", "amount": "35,00"}
    if language is Language.EN:
        money = {name: amount.replace(",", ".") for name, amount in money.items()}
    text = texts[list(Language).index(language)]
    for name, amount in money.items():
        text = text.replace(f"{{{name}}}", sign + amount)
    return text


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_mail_says_what_became_of_the_money_and_nothing_else(ending: str, language: Language) -> None:
    _, _, said, unsaid = ENDINGS[ending]
    email = render_email(notification(ending, language, Channel.EMAIL))

    for texts in said:
        for body in (email.text, email.html):
            assert _in(language, texts).removeprefix("Total: ") in body
    for texts in unsaid:
        for body in (email.subject, email.text, email.html):
            assert _in(language, texts) not in body
    assert "\n\n\n\n" not in email.text


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_sms_says_so_too(ending: str, language: Language) -> None:
    one = notification(ending, language, Channel.SMS)
    if not TEXTS[one.template, language].sms:
        return
    _, _, said, unsaid = ENDINGS[ending]
    text = render_sms(one)
    for texts in said:
        if not texts[0].startswith("Total"):
            assert " ".join(_in(language, texts).split()) in text
    for texts in unsaid:
        assert _in(language, texts) not in text


def test_every_ending_of_an_order_has_its_row() -> None:
    told = {kind for kind, _, _, _ in ENDINGS.values()}
    assert told == set(ORDER_EVENTS)
    assert {TEMPLATE_OF_EVENT[kind] for kind in told} == set(Template) - {Template.WELCOME}
