"""The mailbox keeps what was sent although the emulator forgets it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import respx

from infra.local.mailbox import Settings, create_app

EMULATOR = "http://emulator.test"


def mail(number: int) -> dict[str, Any]:
    return {
        "MessageId": f"m{number}",
        "To": ["ana@example.com"],
        "CC": [],
        "BCC": [],
        "Source": "ingressos@example.com",
        "Subject": f"Nº {number}",
        "BodyText": "Olá",
        "BodyHtml": None,
        "Timestamp": 1_000.0 + number,
    }


@asynccontextmanager
async def mailbox(folder: Path, *mails: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A run of the mailbox beside an emulator that has sent `mails` and one SMS since it started."""
    app = create_app(Settings(aws_endpoint_url=EMULATOR, mailbox_data=folder))
    sms = {"+5511999990000": [{"MessageId": f"s{len(mails)}", "Message": "Seus ingressos"}]}
    with respx.mock(base_url=EMULATOR) as emulator:
        emulator.get("/_ministack/ses/messages").respond(json={"messages": {"account": list(mails)}})
        emulator.get("/_ministack/sns/sms-messages").respond(json={"sms_messages": sms})
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mailbox.test") as client,
        ):
            yield client


async def ids(client: httpx.AsyncClient) -> list[str]:
    return [message["id"] for message in (await client.get("/messages.json")).json()["messages"]]


async def test_what_was_sent_before_a_restart_is_still_shown_after_what_was_sent_since(tmp_path: Path) -> None:
    folder = tmp_path / "mailbox"
    async with mailbox(folder, mail(1), mail(2)) as client:
        assert await ids(client) == ["m2", "m1", "s2"]
    async with mailbox(folder, mail(3)) as client:
        assert await ids(client) == ["m3", "s1", "m2", "m1", "s2"]
    async with mailbox(folder, mail(3)) as client:
        assert await ids(client) == ["m3", "s1", "m2", "m1", "s2"]


async def test_a_file_that_cannot_be_read_stops_no_mail(tmp_path: Path) -> None:
    (tmp_path / "messages.json").write_text("half a fi")
    async with mailbox(tmp_path, mail(1)) as client:
        assert await ids(client) == ["m1", "s1"]
