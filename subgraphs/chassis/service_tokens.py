"""Verifies the token with which the gateway and the workers call a service. Strict: see each refusal below."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from typing import Final
from uuid import UUID

import jwt
from jwt import PyJWK

from subgraphs.chassis.identity import Identity

MAX_LIFE_SECONDS: Final = 60
LEEWAY_SECONDS: Final = 5
MAX_TOKEN_LENGTH: Final = 4_096
MAX_REMEMBERED: Final = 2_048
SCOPES: Final = frozenset({"customer", "organiser", "gate", "operator"})


class TokenRefused(Exception):
    """The reason, for the log. The caller only learns that it is not let in."""


class ServiceTokenVerifier:
    """Holds the callers' public keys; remembers verified tokens until they expire, so that most cost a dict lookup."""

    def __init__(self, jwks: str, audience: str) -> None:
        """``jwks``: JSON Web Key Set, each key an Ed25519 public key whose ``kid`` is the caller's name."""
        self._audience = audience
        self._keys = {key["kid"]: PyJWK(key, algorithm="EdDSA") for key in json.loads(jwks)["keys"]}
        self._verified: OrderedDict[str, tuple[float, Identity]] = OrderedDict()

    def verify(self, authorization: str | None) -> Identity:
        """The identity in an ``Authorization: Bearer …`` header. Raises ``TokenRefused``."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused("no bearer token")
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused("token too long")
        now = time.time()
        remembered = self._verified.get(token)
        if remembered is not None:
            if remembered[0] > now:
                return remembered[1]
            del self._verified[token]
            raise TokenRefused("expired")
        expires, identity = self._verify(token)
        self._verified[token] = (expires + LEEWAY_SECONDS, identity)
        if len(self._verified) > MAX_REMEMBERED:
            self._verified.popitem(last=False)
        return identity

    def _verify(self, token: str) -> tuple[float, Identity]:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid"))
            if key is None:
                raise TokenRefused("unknown kid")
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=self._audience,
                issuer=header["kid"],
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "iat", "exp"], "strict_aud": True, "verify_sub": False},
            )
            if claims["exp"] - claims["iat"] > MAX_LIFE_SECONDS:
                raise TokenRefused("lives too long")
            customer_id = UUID(claims["sub"]) if claims.get("sub") is not None else None
            scopes = frozenset(claims.get("scope", "").split()) & SCOPES
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as exc:
            raise TokenRefused(type(exc).__name__) from exc
        return float(claims["exp"]), Identity(claims["iss"], customer_id, scopes)
