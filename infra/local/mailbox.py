"""The mailbox: what e-mails and text messages were really sent through the emulated SES and SNS.

`GET /` shows them to people (newest first), `GET /messages.json` to programs, optionally for one recipient (`?to=`).
The emulated AWS leaves each as a file (`infra.local.emulator.letters`): nothing is lost when it or the mailbox ends.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from html import escape
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic_settings import BaseSettings

_SHOWN = 200
# A mail's HTML is other people's text: it is shown in a frame without scripts, forms or the mailbox's origin.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self' data: about:"
_SHOWN_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_CID = re.compile(r"""(src\s*=\s*["'])cid:([^"']+)(["'])""", re.IGNORECASE)


class Settings(BaseSettings):
    mailbox_data: Path


@dataclass(frozen=True, slots=True)
class Message:
    """`sent_at` is RFC 3339. `html` and `sender` are None for text messages, and `pictures` empty.

    `pictures` are those that the HTML names by `cid:`, as data URLs by content id.
    """

    id: str
    channel: str
    to: list[str]
    sender: str | None
    subject: str | None
    text: str
    html: str | None
    sent_at: str | None
    pictures: dict[str, str] = field(repr=False)


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings.mailbox_data.mkdir(mode=0o700, parents=True, exist_ok=True)
        app.state.box = Box(settings.mailbox_data)
        yield

    app = FastAPI(title="Mailbox", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/", _page, response_class=HTMLResponse)
    app.add_api_route("/messages.json", _messages_json)
    app.add_api_route("/health/live", _live)
    app.add_api_route("/health/ready", _ready)
    return app


async def _page(request: Request) -> HTMLResponse:
    messages = await request.app.state.box.newest(_SHOWN)
    entries = "".join(_entry(message) for message in messages) or "<p>Nothing was sent yet.</p>"
    page = _PAGE.format(count=len(messages), entries=entries)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})


async def _messages_json(request: Request, to: Annotated[str | None, Query(max_length=254)] = None) -> JSONResponse:
    messages = await request.app.state.box.newest(_SHOWN, to)
    return JSONResponse({"messages": [_without_pictures(message) for message in messages]})


def _without_pictures(message: Message) -> dict[str, object]:
    return {name: value for name, value in asdict(message).items() if name != "pictures"}


async def _live() -> dict[str, str]:
    return {"status": "live"}


async def _ready(request: Request) -> dict[str, str]:
    await request.app.state.box.newest(1)
    return {"status": "ready"}


class Box:
    """The folder's messages. A file never changes, so that it is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Message] = {}
        self._reading = asyncio.Lock()

    async def newest(self, count: int, to: str | None = None) -> list[Message]:
        """At most `count`, newest first: all, or those to one address."""
        async with self._reading:
            messages = await asyncio.to_thread(self._all)
        return [message for message in messages if to is None or to in message.to][:count]

    def _all(self) -> list[Message]:
        files = sorted(self._folder.glob("*.eml"), reverse=True)
        present: dict[str, Message] = {}
        for file in files:
            with suppress(FileNotFoundError):  # the emulator takes the oldest away
                present[file.stem] = self._read.get(file.stem) or _parsed(file.stem, file.read_bytes())
        self._read = present
        return list(present.values())


def _parsed(name: str, content: bytes) -> Message:
    mail = message_from_bytes(content, EmailMessage, policy=default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    receivers = [address for header in ("To", "Cc", "Bcc") for address in _addresses(mail, header)]
    date = mail["Date"].datetime if mail["Date"] is not None else None
    return Message(
        id=name,
        channel=mail.get("X-Channel", "EMAIL"),
        to=receivers,
        sender=mail.get("From"),
        subject=mail.get("Subject"),
        text="" if text is None else _content(text).rstrip("\n"),
        html=None if html is None else _content(html),
        sent_at=date.isoformat() if isinstance(date, datetime) else None,
        pictures={
            str(part["Content-ID"]).strip("<> "): _data_url(part)
            for part in mail.walk()
            if part["Content-ID"] is not None and part.get_content_type() in _SHOWN_PICTURES
        },
    )


def _addresses(mail: EmailMessage, header: str) -> list[str]:
    """Of a text message it is the telephone's number, which is no mail address: as it stands there."""
    return [address.strip() for address in str(mail.get(header, "")).split(",") if address.strip()]


def _content(part: MIMEPart) -> str:
    return str(part.get_content())


def _data_url(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    encoded = base64.b64encode(payload if isinstance(payload, bytes) else b"").decode()
    return f"data:{part.get_content_type()};base64,{encoded}"


def _with_pictures(message: Message) -> str:
    """The HTML with the message's own pictures in it: `cid:` names nothing outside of a mail program."""
    return _CID.sub(
        lambda found: f"{found[1]}{escape(message.pictures.get(found[2], ''))}{found[3]}", message.html or ""
    )


def _entry(message: Message) -> str:
    page = escape(_with_pictures(message))
    body = (
        f'<iframe sandbox title="{escape(message.subject or "")}" srcdoc="{page}"></iframe>'
        f"<details><summary>Text</summary><pre>{escape(message.text)}</pre></details>"
        if message.html
        else f"<pre>{escape(message.text)}</pre>"
    )
    return (
        f"<article><header><b>{escape(message.subject or message.channel)}</b>"
        f"<span>{escape(message.channel)} → {escape(', '.join(message.to))} · {escape(message.sent_at or '')}</span>"
        f"</header>{body}</article>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mailbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c2330; }}
  article {{ border: 1px solid #d5dae3; border-radius: .5rem; margin: 1rem 0; overflow: hidden; }}
  header {{ display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between;
            background: #f3f5f9; padding: .5rem 1rem; overflow-wrap: anywhere; }}
  header span {{ color: #59637a; }}
  iframe {{ width: 100%; height: 28rem; border: 0; display: block; }}
  pre {{ white-space: pre-wrap; margin: 1rem; overflow-wrap: anywhere; }}
  details {{ margin: .5rem 1rem; }}
</style></head>
<body><h1>Mailbox</h1><p>{count} messages sent through the emulated SES and SNS; reload to see newer ones.</p>
{entries}</body></html>
"""
