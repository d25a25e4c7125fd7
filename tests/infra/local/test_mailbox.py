"""The mailbox shows what the emulated AWS sent to people, pictures included, and runs nothing of it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.emulator import letters
from infra.local.emulator.letters import Letters
from infra.local.mailbox import Settings, create_app

PICTURE = b"\x89PNG picture"
PICTURE_URL = "data:image/png;base64,iVBORyBwaWN0dXJl"


def mail(number: int, html: str | None = None, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Bilhetagem <ingressos@example.com>"
    message["To"] = "ana@example.com"
    message["Subject"] = f"Nº {number} é seu"
    message["Date"] = "Fri, 27 Nov 2026 12:00:00 +0000"
    for name, value in headers.items():
        message[name] = value
    message.set_content("Olá")
    if html is not None:
        message.add_alternative(html, subtype="html")
        page = message.get_body(("html",))
        assert isinstance(page, EmailMessage)
        page.add_related(PICTURE, "image", "png", cid="<qr-1>", filename="qr.png", disposition="inline")
    return bytes(message)


@asynccontextmanager
async def mailbox(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(mailbox_data=folder))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mailbox.test") as client,
    ):
        yield client


async def messages(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/messages.json", params=query)).json()["messages"]
    return found


async def test_messages_are_shown_newest_first_also_after_a_restart(tmp_path: Path) -> None:
    box = Letters(tmp_path / "box")
    async with mailbox(tmp_path / "box") as client:
        assert await messages(client) == []
        box.keep(mail(1))
        box.keep(b"To: +5511999990000\r\nX-Channel: SMS\r\n\r\nSeus ingressos")
        sms, first = await messages(client)
    assert (sms["channel"], sms["to"], sms["text"], sms["html"]) == ("SMS", ["+5511999990000"], "Seus ingressos", None)
    assert (first["channel"], first["to"], first["subject"]) == ("EMAIL", ["ana@example.com"], "Nº 1 é seu")
    assert (first["text"], first["sent_at"]) == ("Olá", "2026-11-27T12:00:00+00:00")
    async with mailbox(tmp_path / "box") as client:
        box.keep(mail(2, Cc="olivia@example.com"))
        assert [message["subject"] for message in await messages(client, to="ana@example.com")] == [
            "Nº 2 é seu",
            "Nº 1 é seu",
        ]
        assert len(await messages(client, to="olivia@example.com")) == 1
        assert await messages(client, to="nobody@example.com") == []


async def test_the_pictures_of_a_mail_are_in_its_page(tmp_path: Path) -> None:
    Letters(tmp_path).keep(mail(1, '<p>Olá</p><img src="cid:qr-1"><img src="cid:absent">'))
    async with mailbox(tmp_path) as client:
        page = (await client.get("/")).text
    assert f"&lt;img src=&quot;{PICTURE_URL}&quot;&gt;" in page
    assert "cid:" not in page


async def test_what_a_mail_brings_is_not_run(tmp_path: Path) -> None:
    """Its page is shown in a frame without scripts; its texts are texts."""
    hostile = mail(1, '<script>alert(1)</script><img src="cid:&quot;onerror=alert(2)">', **{"X-Channel": "<b>"})
    Letters(tmp_path).keep(hostile.replace("Nº".encode(), b"<script>"))
    Letters(tmp_path).keep(b"\xff\xfe no mail at all")
    async with mailbox(tmp_path) as client:
        answer = await client.get("/")
    assert "<script>" not in answer.text
    assert "<iframe sandbox title" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


async def test_only_the_last_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "KEPT", 3)
    box = Letters(tmp_path)
    async with mailbox(tmp_path) as client:
        for number in range(5):
            box.keep(mail(number))
            await messages(client)
        assert [message["subject"] for message in await messages(client)] == ["Nº 4 é seu", "Nº 3 é seu", "Nº 2 é seu"]
    assert len(os.listdir(tmp_path)) == 3
