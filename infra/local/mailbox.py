"""The mailbox: what e-mails and text messages were really sent through the emulated SES and SNS.

`GET /` shows them to people (newest first), `GET /messages.json` to programs, optionally for one recipient (`?to=`).
The emulator forgets them when it ends: the mailbox, which ends before it, keeps them in a file.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic_settings import BaseSettings

_SHOWN = 200
_KEPT = 2_000
# A mail's HTML is other people's text: it is shown in a frame without scripts, forms or the mailbox's origin.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self' data: about:"


class Settings(BaseSettings):
    aws_endpoint_url: str
    mailbox_data: Path


@dataclass(frozen=True, slots=True)
class Message:
    """`sent_at` is RFC 3339; the emulator does not know it of text messages. `html` is None for those."""

    id: str
    channel: str
    to: list[str]
    sender: str | None
    subject: str | None
    text: str
    html: str | None
    sent_at: str | None


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=settings.aws_endpoint_url, timeout=5, trust_env=False) as client:
            app.state.box = box = Box(client, settings.mailbox_data / "messages.json")
            box.load()
            yield
            with suppress(HTTPException):
                box.keep(await box.sent())

    app = FastAPI(title="Mailbox", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/", _page, response_class=HTMLResponse)
    app.add_api_route("/messages.json", _messages_json)
    app.add_api_route("/health/live", _live)
    app.add_api_route("/health/ready", _ready)
    return app


async def _page(request: Request) -> HTMLResponse:
    messages = (await request.app.state.box.sent())[:_SHOWN]
    entries = "".join(_entry(message) for message in messages) or "<p>Nothing was sent yet.</p>"
    page = _PAGE.format(count=len(messages), entries=entries)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})


async def _messages_json(request: Request, to: Annotated[str | None, Query(max_length=254)] = None) -> JSONResponse:
    messages = await request.app.state.box.sent()
    chosen = [message for message in messages if to is None or to in message.to]
    return JSONResponse({"messages": [asdict(message) for message in chosen[:_SHOWN]]})


async def _live() -> dict[str, str]:
    return {"status": "live"}


async def _ready(request: Request) -> dict[str, str]:
    await request.app.state.box.sent()
    return {"status": "ready"}


class Box:
    """What the emulator says was sent, and before that what `file` kept of earlier runs."""

    def __init__(self, client: httpx.AsyncClient, file: Path) -> None:
        self._client = client
        self._file = file
        self._earlier: list[Message] = []

    def load(self) -> None:
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            self._earlier = msgspec.json.decode(self._file.read_bytes(), type=list[Message])

    def keep(self, messages: list[Message]) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(messages[:_KEPT]))
        fresh.rename(self._file)

    async def sent(self) -> list[Message]:
        """Everything sent, newest first. Answers 503 when the emulated AWS is away."""
        try:
            mails = await self._client.get("/_ministack/ses/messages")
            texts = await self._client.get("/_ministack/sns/sms-messages")
            mails.raise_for_status()
            texts.raise_for_status()
        except httpx.HTTPError as exc:
            raise HTTPException(503, "The emulated AWS does not answer.") from exc
        letters = [_mail(entry) for entries in mails.json()["messages"].values() for entry in entries]
        letters.sort(key=lambda message: message.sent_at or "", reverse=True)
        short = [_text(number, entry) for number, entries in texts.json()["sms_messages"].items() for entry in entries]
        now = [*letters, *reversed(short)]
        known = {message.id for message in now}
        return [*now, *(message for message in self._earlier if message.id not in known)]


def _mail(entry: dict[str, Any]) -> Message:
    return Message(
        id=entry["MessageId"],
        channel="EMAIL",
        to=[*entry["To"], *entry["CC"], *entry["BCC"]],
        sender=entry["Source"],
        subject=entry["Subject"],
        text=entry["BodyText"] or "",
        html=entry["BodyHtml"] or None,
        sent_at=datetime.fromtimestamp(entry["Timestamp"], UTC).isoformat(),
    )


def _text(number: str, entry: dict[str, Any]) -> Message:
    return Message(
        id=str(entry.get("MessageId", "")),
        channel="SMS",
        to=[number],
        sender=None,
        subject=entry.get("Subject"),
        text=str(entry.get("Message", "")),
        html=None,
        sent_at=None,
    )


def _entry(message: Message) -> str:
    body = (
        f'<iframe sandbox title="{escape(message.subject or "")}" srcdoc="{escape(message.html)}"></iframe>'
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
            background: #f3f5f9; padding: .5rem 1rem; }}
  header span {{ color: #59637a; }}
  iframe {{ width: 100%; height: 28rem; border: 0; display: block; }}
  pre {{ white-space: pre-wrap; margin: 1rem; }}
  details {{ margin: .5rem 1rem; }}
</style></head>
<body><h1>Mailbox</h1><p>{count} messages sent through the emulated SES and SNS; reload to see newer ones.</p>
{entries}</body></html>
"""
