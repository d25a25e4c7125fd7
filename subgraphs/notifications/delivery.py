"""Hands messages to SES and SNS."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from subgraphs.chassis.aws import Aws
from subgraphs.notifications.errors import SendFailed
from subgraphs.notifications.rendering import Email


class Delivery(Protocol):
    """Both return the provider's message id, and raise ``SendFailed``."""

    async def send_email(self, recipient: str, email: Email) -> str: ...

    async def send_sms(self, recipient: str, text: str) -> str: ...


class AwsDelivery:
    """SES API v2 ``SendEmail`` (Simple content with inline attachments) and SNS ``Publish`` to a phone number."""

    def __init__(self, aws: Aws, sender: str) -> None:
        self._aws = aws
        self._sender = sender

    async def send_email(self, recipient: str, email: Email) -> str:
        simple: dict[str, Any] = {
            "Subject": _utf8(email.subject),
            "Body": {"Text": _utf8(email.text), "Html": _utf8(email.html)},
        }
        if email.images:
            simple["Attachments"] = [
                {
                    "FileName": image.file_name,
                    "ContentType": "image/png",
                    "ContentId": image.content_id,
                    "ContentDisposition": "INLINE",
                    "ContentTransferEncoding": "BASE64",
                    "RawContent": image.content,
                }
                for image in email.images
            ]
        with _send_failures():
            answer = await self._aws.call(
                "sesv2",
                "send_email",
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [recipient]},
                Content={"Simple": simple},
            )
        return str(answer["MessageId"])

    async def send_sms(self, recipient: str, text: str) -> str:
        with _send_failures():
            answer = await self._aws.call(
                "sns",
                "publish",
                PhoneNumber=recipient,
                Message=text,
                MessageAttributes={
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
                },
            )
        return str(answer["MessageId"])


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _send_failures() -> AbstractContextManager[None]:
    @contextmanager
    def mapped() -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # lazily, as chassis/aws.py says

        try:
            yield
        except (BotoCoreError, ClientError) as exc:
            # Only the kind: a provider's message may quote the address.
            raise SendFailed(type(exc).__name__) from exc

    return mapped()
