"""Tokens that say to a service: this is `workers` calling you, and nobody else."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_CALLER = "workers"
_LIFE_SECONDS = 60
_RENEWED_BEFORE_END_SECONDS = 15


@dataclass(frozen=True, slots=True)
class _Minted:
    token: str
    expires_at: float


class ServiceTokens:
    """Mints one token per service and uses it again until 15 s before its end.

    `signing_key` gives the Ed25519 private key (PEM); it is asked once, when the first token is needed.
    """

    def __init__(self, signing_key: Callable[[], str], clock: Callable[[], float] = time.time) -> None:
        self._signing_key = signing_key
        self._clock = clock
        self._pem: str | None = None
        self._minted: dict[str, _Minted] = {}

    def token_for(self, service: str) -> str:
        now = self._clock()
        minted = self._minted.get(service)
        if minted is None or minted.expires_at - now < _RENEWED_BEFORE_END_SECONDS:
            minted = self._mint(service, int(now))
            self._minted[service] = minted
        return minted.token

    def _mint(self, service: str, now: int) -> _Minted:
        import jwt

        if self._pem is None:
            self._pem = self._signing_key()
        claims = {"iss": _CALLER, "aud": service, "iat": now, "exp": now + _LIFE_SECONDS}
        return _Minted(jwt.encode(claims, self._pem, algorithm="EdDSA", headers={"kid": _CALLER}), now + _LIFE_SECONDS)
