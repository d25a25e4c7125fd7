"""Who is told what, and in which words."""

from typing import Any
from uuid import uuid4

import pytest

from subgraphs.notifications.domain.contact import Contact, Language, language_of
from subgraphs.notifications.domain.notification import (
    TEMPLATE_OF_EVENT,
    Channel,
    Notification,
    Template,
    plan_notifications,
)
from subgraphs.notifications.domain.texts import TEXTS
from subgraphs.notifications.rendering import render_email, render_sms
from tests.subgraphs.notifications.conftest import order


def contact(**changes: Any) -> Contact:
    values: dict[str, Any] = {
        "customer_id": uuid4(),
        "name": "Ana",
        "email": "ana@example.com",
        "phone": "+5511987654321",
        "language": Language.PT_BR,
        "email_enabled": True,
        "sms_enabled": True,
        **changes,
    }
    return Contact(**values)


def notification(template: Template, language: Language, channel: Channel = Channel.EMAIL) -> Notification:
    event_type = next(name for name, known in TEMPLATE_OF_EVENT.items() if known is template)
    facts = order(
        event_type, uuid4(), amount={"amount_minor": 5000, "currency": "BRL"}, refunded=True, reason="PAID_TWICE"
    ).data
    return Notification(uuid4(), "e", uuid4(), channel, template, "r", "Ana <b>", language, facts)


@pytest.mark.parametrize(
    ("tag", "language"),
    [("EN", Language.EN), ("en-GB", Language.EN), ("PT_BR", Language.PT_BR), ("fr", Language.PT_BR)],
)
def test_a_language_tag_of_any_spelling_is_understood(tag: str, language: Language) -> None:
    assert language_of(tag) is language


def test_an_order_goes_by_e_mail_always_and_by_sms_where_it_was_switched_on() -> None:
    channels = {
        (email, sms): [
            one.channel
            for one in plan_notifications(
                "e", Template.ORDER_CONFIRMED, contact(email_enabled=email, sms_enabled=sms), {}
            )
        ]
        for email in (True, False)
        for sms in (True, False)
    }
    assert channels == {
        (True, True): [Channel.EMAIL, Channel.SMS],
        (True, False): [Channel.EMAIL],
        (False, True): [Channel.EMAIL, Channel.SMS],
        (False, False): [Channel.EMAIL],
    }


def test_a_courtesy_is_not_sent_to_whom_switched_e_mail_off() -> None:
    assert plan_notifications("e", Template.ORDER_EXPIRED, contact(email_enabled=False), {}) == []


def test_nobody_without_a_phone_gets_an_sms() -> None:
    planned = plan_notifications("e", Template.ORDER_REFUNDED, contact(phone=None), {})
    assert [one.channel for one in planned] == [Channel.EMAIL]


def test_planning_an_event_twice_plans_the_same_notifications() -> None:
    someone = contact()
    first, second = (plan_notifications("e", Template.ORDER_CONFIRMED, someone, {}) for _ in range(2))
    assert first == second
    assert len({one.id for one in first}) == 2


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("template", list(Template))
def test_every_template_renders_in_both_languages_with_nothing_left_to_fill(
    template: Template, language: Language
) -> None:
    email = render_email(notification(template, language))
    assert email.subject
    for text in (email.subject, email.text, email.html):
        assert "{" not in text.replace("{{", "")
        assert "None" not in text
    if TEXTS[template, language].sms:
        assert "{" not in render_sms(notification(template, language, Channel.SMS))


def test_a_confirmed_order_shows_time_of_the_venue_money_codes_and_qr_images() -> None:
    email = render_email(notification(Template.ORDER_CONFIRMED, Language.PT_BR))
    # 23:30 UTC is 20:30 in São Paulo
    for expected in ("20:30", "R$\N{NO-BREAK SPACE}1.234,56", "ABCD2345", "EFGH6789", "K7M2", "2 × Pipoca"):
        assert expected in email.text
        assert expected in email.html
    assert [image.file_name for image in email.images] == ["ABCD2345.png", "EFGH6789.png"]
    assert all(image.content.startswith(b"\x89PNG") for image in email.images)
    assert all(f"cid:{image.content_id}" in email.html for image in email.images)


def test_what_organisers_and_customers_wrote_cannot_become_markup_or_a_header() -> None:
    one = notification(Template.ORDER_CONFIRMED, Language.EN)
    one.facts["event_name"] = "Show\r\nBcc: x@example.com <script>"
    email = render_email(one)
    assert "\n" not in email.subject
    assert "\r" not in email.subject
    assert "<script>" not in email.html
    assert "Ana &lt;b&gt;" in email.html
