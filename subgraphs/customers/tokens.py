"""The tokens of a signed-in customer: a signed access token, and an opaque refresh token kept only as its hash."""

import hashlib
import json
import secrets
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ACCESS_LIFE: Final = timedelta(minutes=15)
MAX_REFRESH_TOKEN_LENGTH: Final = 200


class AccessTokens:
    """Signs JWTs (RFC 9068 in spirit: iss, aud, sub, iat, exp, scope) with Ed25519 and publishes the key."""

    def __init__(self, private_key_pem: str, *, issuer: str, audience: str) -> None:
        """Raises ``ValueError`` for anything but an Ed25519 private key."""
        key = load_pem_private_key(private_key_pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the signing key is not Ed25519")
        self._key = key
        self._issuer, self._audience = issuer, audience
        public = cast("dict[str, Any]", json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())))
        # RFC 7638: the thumbprint is the hash of the required members in lexicographic order.
        required = json.dumps({name: public[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
        self._kid = hashlib.sha256(required.encode()).hexdigest()[:32]
        self.jwks = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "EdDSA"}]}

    def sign(self, customer_id: UUID, scopes: AbstractSet[str], now: datetime) -> str:
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(customer_id),
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_LIFE).timestamp()),
            "scope": " ".join(sorted(scopes)),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._kid})


def new_refresh_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def refresh_token_hash(token: str) -> bytes:
    """What is kept of it: with so many random bits a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
