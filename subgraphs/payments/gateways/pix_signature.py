"""Proof that a Pix webhook comes from the bank.

Banks prove it by mutual TLS, which ends at the load balancer: ``X-Pix-Signature: t=<unix seconds>,v1=<hex>`` stands
for it here, HMAC-SHA256 with the shared secret over ``<t>.<body>``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Final

from subgraphs.payments.errors import WebhookRefused

HEADER: Final = "x-pix-signature"
TOLERANCE: Final = timedelta(minutes=5)
_FORM: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(body: bytes, secret: str, now: datetime) -> str:
    """The header's value."""
    timestamp = int(now.timestamp())
    return f"t={timestamp},v1={_digest(body, secret, timestamp)}"


def verify(body: bytes, header: str | None, secret: str, now: datetime) -> None:
    """Raises ``WebhookRefused``: no header, malformed, not ours, or more than five minutes old or early."""
    found = _FORM.fullmatch(header or "")
    if found is None:
        raise WebhookRefused("signature missing or malformed")
    timestamp = int(found[1])
    if not hmac.compare_digest(_digest(body, secret, timestamp), found[2]):
        raise WebhookRefused("signature differs")
    if abs(now.timestamp() - timestamp) > TOLERANCE.total_seconds():
        raise WebhookRefused("timestamp outside the tolerance")


def _digest(body: bytes, secret: str, timestamp: int) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
