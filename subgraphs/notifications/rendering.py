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
from subgraphs.notifications.domain.texts import (
    LABELS,
    PICKUP_BY_SMS,
    REFUND,
    RETURNED,
    TEXTS,
    WHY_RETURNED,
    Refund,
)
from subgraphs.notifications.events import Amount, OrderCancelled, OrderConfirmed, OrderRefunded


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
        # One that says nothing in this case is left out.
        "paragraphs": [said for paragraph in text.paragraphs if (said := paragraph.format_map(filled))],
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
    match notification.template:
        case Template.ORDER_CONFIRMED:
            return _filled_by_order(msgspec.convert(notification.facts, OrderConfirmed), notification.language)
        case Template.ORDER_CANCELLED:
            facts = msgspec.convert(notification.facts, OrderCancelled)
            return {"refund": _refund(facts, notification.language)}
        case Template.ORDER_REFUNDED:
            refunded = msgspec.convert(notification.facts, OrderRefunded)
            return {
                "amount": _money(refunded.amount, notification.language),
                "why": WHY_RETURNED[refunded.reason, notification.language],
            }
        case Template.WELCOME | Template.ORDER_EXPIRED:
            return {}


def _filled_by_order(order: OrderConfirmed, language: Language) -> dict[str, Any]:
    returned = order.returned
    return {
        "event_name": order.event_name,
        "venue_name": order.venue_name,
        "when": format_datetime(order.starts_at, "short", tzinfo=ZoneInfo(order.time_zone), locale=_babel(language)),
        "codes": ", ".join(ticket.code for ticket in order.tickets),
        "pickup": PICKUP_BY_SMS[language].format(code=order.pickup_code) if order.pickup_code else "",
        "returned": RETURNED[language].format(amount=_money(returned, language)) if returned else "",
    }


def _refund(cancelled: OrderCancelled, language: Language) -> str:
    if not cancelled.refunded:
        return REFUND[Refund.NOTHING_PAID, language]
    if cancelled.amount is None:
        return REFUND[Refund.WHAT_IS_LEFT, language]
    return REFUND[Refund.AMOUNT, language].format(amount=_money(cancelled.amount, language))


def _money(amount: Amount, language: Language) -> str:
    # BRL's minor unit is a hundredth (ISO 4217).
    return format_currency(Decimal(amount.amount_minor).scaleb(-2), amount.currency, locale=_babel(language))


def _babel(language: Language) -> str:
    return language.value.replace("-", "_")


def _qr_image(code: str, payload: str) -> InlineImage:
    out = io.BytesIO()
    segno.make(payload, error="m").save(out, kind="png", scale=5, border=4)
    return InlineImage(f"ticket-{code}@bilhetagem", f"{code}.png", out.getvalue())
