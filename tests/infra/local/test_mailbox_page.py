"""A ticket's e-mail as a person sees it in the mailbox, on a telephone 390 pixels wide, in a real browser."""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from infra.local.emulator.journal import Change
from infra.local.emulator.letters import Letters
from infra.local.mailbox import Settings, create_app
from subgraphs.notifications.domain.contact import Language
from subgraphs.notifications.domain.notification import Channel, Notification, Template
from subgraphs.notifications.rendering import Email, render_email

CHROMIUM = shutil.which("chromium")
WIDTH = 390
ADDRESS = "http://mailbox.test/"
FACTS = {
    "reservation_id": str(uuid4()),
    "customer_id": str(uuid4()),
    "event_name": "Palmeiras × Santos, final do Campeonato Paulista de Futebol Feminino",
    "venue_name": "Allianz Parque",
    "starts_at": "2026-12-01T23:30:00Z",
    "time_zone": "America/Sao_Paulo",
    "units": [f"Superior-A-{number}" for number in range(12)],
    "tickets": [{"id": str(uuid4()), "code": code, "qr_payload": f"BT1.{code}"} for code in ("ABCD2345", "EFGH6789")],
    "total": {"amount_minor": 123456, "currency": "BRL"},
    "pickup_code": "K7M2",
    "concession_items": [{"name": "Pipoca grande com manteiga", "quantity": 2}],
}


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no browser: the program chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": WIDTH, "height": 844})
        browser.close()


@pytest.fixture
def email() -> Email:
    return render_email(
        Notification(
            id=uuid4(),
            event_id="e",
            customer_id=uuid4(),
            channel=Channel.EMAIL,
            template=Template.ORDER_CONFIRMED,
            recipient="ana@example.com",
            name="Ana",
            language=Language.PT_BR,
            facts=FACTS,
        )
    )


def sent(email: Email) -> Change:
    """As the notifications service hands it to SES."""
    attachments = [
        {
            "FileName": image.file_name,
            "ContentType": "image/png",
            "ContentId": image.content_id,
            "ContentDisposition": "INLINE",
            "RawContent": base64.b64encode(image.content).decode(),
        }
        for image in email.images
    ]
    body = {"Text": {"Data": email.text}, "Html": {"Data": email.html}}
    simple = {"Subject": {"Data": email.subject}, "Body": body, "Attachments": attachments}
    asked = {"Destination": {"ToAddresses": ["ana@example.com"]}, "Content": {"Simple": simple}}
    return Change("POST", "/v2/email/outbound-emails", b"", [], msgspec.json.encode(asked))


async def front_page(folder: Path) -> httpx.Response:
    app = create_app(Settings(mailbox_data=folder))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as client,
    ):
        return await client.get("/")


def open_mailbox(page: Page, folder: Path) -> None:
    """With the mailbox's own headers, and nobody else to be reached."""
    # On a thread: Playwright's own event loop runs on this one.
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(lambda: asyncio.run(front_page(folder))).result()

    def only_the_mailbox(route: Route) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=answer.text, headers=dict(answer.headers))
        else:
            route.abort()

    page.route("**/*", only_the_mailbox)
    page.goto(ADDRESS)


def test_the_tickets_are_shown_with_their_codes(page: Page, email: Email, tmp_path: Path) -> None:
    box = Letters(tmp_path)
    letter = box.compose(sent(email))
    assert letter is not None
    box.keep(letter)
    open_mailbox(page, tmp_path)
    pictures = page.frame_locator("iframe").locator("img")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("picture => picture.complete && picture.naturalWidth") > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    body = page.frame_locator("iframe").locator("body")
    assert body.evaluate("body => body.scrollWidth <= body.ownerDocument.documentElement.clientWidth")


def test_the_mail_itself_fits_a_telephone(page: Page, email: Email) -> None:
    page.set_content(email.html)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    heading = page.get_by_role("heading", level=1).bounding_box()
    assert heading is not None
    assert heading["x"] >= 8
    assert heading["x"] + heading["width"] <= WIDTH - 8
