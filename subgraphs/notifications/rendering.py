"""Turns a notification into the text of an e-mail or an SMS."""

import io
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import segno
from babel.dates import format_datetime
from babel.numbers import format_currency
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from subgraphs.notifications.domain.contact import Language
from subgraphs.notifications.domain.notification import Notification, Template
from subgraphs.notifications.domain.texts import LABELS, PICKUP_BY_SMS, REFUND, TEXTS
from subgraphs.notifications.events import Amount, OrderConfirmed


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A PNG that the HTML shows as ``cid:<content_id>``."""

    content_id: str
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Email:
    subject: str
    text: str
    html: str
    images: tuple[InlineImage, ...] = ()


def render_email(notification: Notification) -> Email:
    """HTML and text; tickets each with its QR code. Raises ``msgspec.ValidationError`` for facts of another shape."""
    text = TEXTS[notification.template, notification.language]
    filled = _filled(notification)
    order = _order(notification)
    images = tuple(_qr_image(ticket.code, ticket.qr_payload) for ticket in order.tickets) if order else ()
    labels = LABELS[notification.language]
    values = {
        "language": notification.language.value,
        "greeting": labels.greeting.format(name=notification.name),
        "heading": text.heading.format_map(filled),
        "paragraphs": [paragraph.format_map(filled) for paragraph in text.paragraphs],
        "labels": labels,
        "order": order,
        "when": filled.get("when"),
        "total": _money(order.total, notification.language) if order else None,
    }
    return Email(
        # A header is one line, whatever an organiser calls an event.
        subject=" ".join(text.subject.format_map(filled).split()),
        text=_templates().get_template("email.txt").render(values),
        html=_templates().get_template("email.html").render(values),
        images=images,
    )


def render_sms(notification: Notification) -> str:
    """One text, which the carrier splits if it is long."""
    return " ".join(TEXTS[notification.template, notification.language].sms.format_map(_filled(notification)).split())


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("subgraphs.notifications"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _order(notification: Notification) -> OrderConfirmed | None:
    if notification.template is not Template.ORDER_CONFIRMED:
        return None
    return msgspec.convert(notification.facts, OrderConfirmed)


def _filled(notification: Notification) -> dict[str, Any]:
    language, facts = notification.language, notification.facts
    filled: dict[str, Any] = {"refund": REFUND[bool(facts.get("refunded")), language]}
    if "amount" in facts:
        filled["amount"] = _money(msgspec.convert(facts["amount"], Amount), language)
    order = _order(notification)
    if order is not None:
        filled |= {
            "event_name": order.event_name,
            "venue_name": order.venue_name,
            "when": format_datetime(
                order.starts_at, "short", tzinfo=ZoneInfo(order.time_zone), locale=_babel(language)
            ),
            "codes": ", ".join(ticket.code for ticket in order.tickets),
            "pickup": PICKUP_BY_SMS[language].format(code=order.pickup_code) if order.pickup_code else "",
        }
    return filled


def _money(amount: Amount, language: Language) -> str:
    # BRL's minor unit is a hundredth (ISO 4217).
    return format_currency(Decimal(amount.amount_minor).scaleb(-2), amount.currency, locale=_babel(language))


def _babel(language: Language) -> str:
    return language.value.replace("-", "_")


def _qr_image(code: str, payload: str) -> InlineImage:
    out = io.BytesIO()
    segno.make(payload, error="m").save(out, kind="png", scale=5, border=4)
    return InlineImage(f"ticket-{code}@bilhetagem", f"{code}.png", out.getvalue())
