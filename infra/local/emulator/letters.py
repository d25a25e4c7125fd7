"""What was sent to people, as files that mail programs read (RFC 5322): the emulator keeps neither pictures nor, after
its end, anything of it.

An e-mail is composed as SES would from `SendEmail` (API v2, Simple or Raw content); a text message of SNS is one with
the header `X-Channel: SMS`.
"""

import base64
import logging
import re
import secrets
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.local.emulator.journal import Change

KEPT: Final = 2_000
CHANNEL_HEADER: Final = "X-Channel"
_log = logging.getLogger("bilhetagem.emulator")
_SEND_EMAIL: Final = "/v2/email/outbound-emails"
# Sorted by name, files are in the order in which they were sent.
_NAME: Final = "{nanoseconds:020d}-{token}.eml"


class Letters:
    """Keeps the last `KEPT` in `folder`; nothing at all without one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def compose(self, change: Change) -> bytes | None:
        """The message that a request sends to somebody; None for other requests, or when nothing is kept."""
        if self._folder is None:
            return None
        try:
            return _letter(change)
        except Exception:
            # Whatever it is, the emulator decides about it: here it can only not be shown.
            _log.exception("A message to somebody cannot be kept.")
            return None

    def keep(self, letter: bytes) -> None:
        if self._folder is None:
            return
        name = _NAME.format(nanoseconds=time.time_ns(), token=secrets.token_hex(4))
        partial = self._folder / f"{name}.partial"
        partial.write_bytes(letter)
        partial.rename(self._folder / name)
        for outdated in sorted(self._folder.glob("*.eml"))[:-KEPT]:
            outdated.unlink(missing_ok=True)


def _letter(change: Change) -> bytes | None:
    if change.path == _SEND_EMAIL:
        asked = msgspec.json.decode(change.body)
        content = asked["Content"]
        return base64.b64decode(content["Raw"]["Data"]) if "Raw" in content else bytes(_mail(asked, content["Simple"]))
    form = change.form
    if form.get("Action") == "Publish" and "PhoneNumber" in form:
        return bytes(_text_message(form["PhoneNumber"], form.get("Message", "")))
    return None


def _mail(asked: dict[str, Any], simple: dict[str, Any]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = _line(asked.get("FromEmailAddress", ""))
    destination = asked.get("Destination", {})
    for header, key in (("To", "ToAddresses"), ("Cc", "CcAddresses"), ("Bcc", "BccAddresses")):
        if addresses := destination.get(key):
            message[header] = _line(", ".join(addresses))
    message["Subject"] = _line(simple["Subject"]["Data"])
    message["Date"] = format_datetime(datetime.now(UTC))
    body = simple["Body"]
    message.set_content(body.get("Text", {}).get("Data", ""))
    if "Html" in body:
        message.add_alternative(body["Html"]["Data"], subtype="html")
    page = message.get_body(("html", "plain"))
    for attachment in simple.get("Attachments", []):
        kind, _, subtype = attachment.get("ContentType", "application/octet-stream").partition("/")
        content = base64.b64decode(attachment["RawContent"])
        names = {"filename": attachment["FileName"], "cid": f"<{attachment.get('ContentId', '')}>"}
        if attachment.get("ContentDisposition") == "INLINE" and isinstance(page, EmailMessage):
            page.add_related(content, kind, subtype, disposition="inline", **names)
        else:
            message.add_attachment(content, kind, subtype, filename=names["filename"])
    return message


def _text_message(number: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = _line(number)
    message[CHANNEL_HEADER] = "SMS"
    message["Date"] = format_datetime(datetime.now(UTC))
    message.set_content(text)
    return message


def _line(text: str) -> str:
    """As one line: a header that held a line break would hold another header."""
    return re.sub(r"[\r\n]+", " ", text)
