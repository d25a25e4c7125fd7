"""What a ticket's QR says, signed with Ed25519 (RFC 8032) so that a gate can refuse forgeries without a network.

``BLT1.<base64url>``: 16 bytes ticket id, 16 bytes session id, 16 bytes secret, 64 bytes signature over all that
comes before it, the prefix included. The secret changes when a ticket is transferred, so an old QR stays dead.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PREFIX: Final = "BLT1."
SECRET_LENGTH: Final = 16
_CLAIMS_LENGTH: Final = 48
_LENGTH: Final = _CLAIMS_LENGTH + 64
MAX_PAYLOAD_LENGTH: Final = len(PREFIX) + 150  # 112 bytes in base64url without padding


@dataclass(frozen=True, slots=True)
class QrClaims:
    ticket_id: UUID
    session_id: UUID
    secret: bytes


class TicketSigner:
    """Signs and verifies with the platform's own key. Raises ``ValueError`` for a PEM that is no Ed25519 key."""

    def __init__(self, private_key_pem: str) -> None:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the ticket signing key must be an Ed25519 private key in PEM")
        self._key = key
        self._public = key.public_key()

    def sign(self, claims: QrClaims) -> str:
        """The payload of the QR; the same claims always give the same text."""
        body = claims.ticket_id.bytes + claims.session_id.bytes + claims.secret
        signature = self._key.sign(PREFIX.encode() + body)
        return PREFIX + base64.urlsafe_b64encode(body + signature).decode().rstrip("=")

    def verify(self, payload: str) -> QrClaims | None:
        """None unless this very text is what we signed: other alphabets, padding and lengths are refused as well."""
        if len(payload) != MAX_PAYLOAD_LENGTH or not payload.startswith(PREFIX):
            return None
        encoded = payload.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _LENGTH or base64.urlsafe_b64encode(raw).decode().rstrip("=") != encoded:
            return None
        body, signature = raw[:_CLAIMS_LENGTH], raw[_CLAIMS_LENGTH:]
        try:
            self._public.verify(signature, PREFIX.encode() + body)
        except InvalidSignature:
            return None
        return QrClaims(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), body[32:])
