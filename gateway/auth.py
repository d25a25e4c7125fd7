"""Who calls the gateway, and how the gateway says so to services.

Buyers bring an EdDSA-signed access token of the customers service; services get a 60-second token of ours.

AuthenticationRefused        the request carries a token, and it does not count: HTTP 401
└── KeysUnavailable          the issuer's keys cannot be read at the moment: HTTP 503
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

log = structlog.get_logger(__name__)

CALLER: Final = "gateway"
ALGORITHM: Final = "EdDSA"
MAX_TOKEN_LENGTH: Final = 4_096
LEEWAY_SECONDS: Final = 5
KEYS_MAX_AGE_SECONDS: Final = 3_600
FETCH_SECONDS: Final = 3.0
REFETCH_INTERVAL_SECONDS: Final = 10
MAX_KEYS: Final = 20
SERVICE_TOKEN_SECONDS: Final = 60
REMINT_BEFORE_SECONDS: Final = 15
REMEMBERED_TOKENS: Final = 20_000
_SCOPES: Final = frozenset({"customer", "organiser", "gate", "operator"})


class AuthenticationRefused(Exception):
    """Its text is for the client and quotes nothing of the token."""


class KeysUnavailable(AuthenticationRefused):
    pass


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who a valid access token speaks for. Equal for every token of the same person with the same scopes."""

    customer_id: UUID
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Authenticated:
    """`expires_at` is in seconds of Unix time; None for nobody in particular."""

    buyer: Buyer | None = None
    expires_at: float | None = None


ANONYMOUS: Final = Authenticated()


class KeySet(Protocol):
    async def find(self, kid: str) -> Any:
        """The public key, or None when the issuer has no such key. Raises KeysUnavailable."""


@dataclass(slots=True)
class JwksKeys:
    """The issuer's published keys, from one configured URL whatever a token says.

    An unknown `kid` makes it ask again, at most once in `REFETCH_INTERVAL_SECONDS`: a flood of invented ids stays a
    trickle at the issuer. While the issuer is away, the known keys go on being used.
    """

    url: str
    http: httpx.AsyncClient
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched_at: float | None = None
    _tried_at: float | None = None
    # One for all who wait, and nobody's own: a client that leaves does not end it, nor takes its connection along.
    _fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Any:
        if kid in self._keys and not self._stale():
            return self._keys[kid]
        if self._fetching is None and self._may_ask():
            self._fetching = asyncio.ensure_future(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        if self._fetching is not None:
            await asyncio.wait({self._fetching})
        if not self._keys and self._fetched_at is None:
            raise KeysUnavailable("Tokens cannot be verified at the moment.")
        return self._keys.get(kid)

    def _stale(self) -> bool:
        return self._fetched_at is None or self.clock() - self._fetched_at > KEYS_MAX_AGE_SECONDS

    def _may_ask(self) -> bool:
        return self._tried_at is None or self.clock() - self._tried_at >= REFETCH_INTERVAL_SECONDS

    def _fetched(self, fetching: "asyncio.Task[None]") -> None:
        self._fetching = None
        if not fetching.cancelled() and fetching.exception() is not None:
            log.error("token_keys_not_fetched", exc_info=fetching.exception())

    async def _fetch(self) -> None:
        self._tried_at = self.clock()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                response = await self.http.get(self.url, timeout=FETCH_SECONDS, follow_redirects=False)
            response.raise_for_status()
            published = response.json()["keys"][:MAX_KEYS]
            keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM).key for key in published if key["kty"] == "OKP"}
        except (TimeoutError, httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as exc:
            # An issuer that was asked before it had started is asked again soon.
            if self._fetched_at is None:
                self._tried_at = self.clock() - REFETCH_INTERVAL_SECONDS + 1
            log.warning("token_keys_not_fetched", reason=type(exc).__name__)
            return
        self._keys, self._fetched_at = keys, self.clock()
        log.info("token_keys_fetched", count=len(keys))


@dataclass(slots=True)
class BuyerTokens:
    """Verifies access tokens: EdDSA only, a `kid` of the issuer's published keys, issuer, audience and expiry."""

    keys: KeySet
    issuer: str
    audience: str
    clock: Callable[[], float] = time.time
    _verified: OrderedDict[str, Authenticated] = field(default_factory=OrderedDict)

    async def authenticate(self, authorization: str | None) -> Authenticated:
        """From the value of an `Authorization` header; without one, anonymous. Raises AuthenticationRefused."""
        if authorization is None or not authorization.strip():
            return ANONYMOUS
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_LENGTH:
            raise AuthenticationRefused("The Authorization header must be: Bearer <access token>.")
        known = self._verified.get(token)
        if known is not None and known.expires_at is not None and known.expires_at > self.clock():
            return known
        self._verified.pop(token, None)
        verified = await self._verify(token)
        if len(self._verified) >= REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        self._verified[token] = verified
        return verified

    async def _verify(self, token: str) -> Authenticated:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as exc:
            raise AuthenticationRefused("The access token cannot be read.") from exc
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(kid, str) or not 0 < len(kid) <= 200:
            raise AuthenticationRefused("The access token is not signed as it must be.")
        key = await self.keys.find(kid)
        if key is None:
            raise AuthenticationRefused("The access token is signed with an unknown key.")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            customer_id = UUID(claims["sub"])
            scopes = frozenset(str(claims.get("scope", "")).split()) & _SCOPES
        except jwt.ExpiredSignatureError as exc:
            raise AuthenticationRefused("The access token has expired.") from exc
        except (jwt.PyJWTError, ValueError) as exc:
            raise AuthenticationRefused("The access token is not valid.") from exc
        return Authenticated(Buyer(customer_id, scopes), float(claims["exp"]) + LEEWAY_SECONDS)


@dataclass(slots=True)
class ServiceTokens:
    """Mints the tokens that services ask for: one per service and buyer, used again until shortly before its end."""

    key: Ed25519PrivateKey
    clock: Callable[[], float] = time.time
    # In the order of minting, which is the order of expiring: every token lives equally long. Not a dict, whose first
    # entry is searched for among all that were deleted before it.
    _minted: OrderedDict[tuple[str, Buyer | None], tuple[float, str]] = field(default_factory=OrderedDict)

    @classmethod
    def from_pem(cls, pem: str) -> "ServiceTokens":
        """Raises ValueError when it is no Ed25519 key."""
        key = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the service token key is no Ed25519 key")
        return cls(key)

    def token(self, service: str, buyer: Buyer | None) -> str:
        now = self.clock()
        known = self._minted.get((service, buyer))
        if known is not None and known[0] - REMINT_BEFORE_SECONDS > now:
            return known[1]
        issued_at = int(now)
        expires_at = issued_at + SERVICE_TOKEN_SECONDS
        claims: dict[str, Any] = {"iss": CALLER, "aud": service, "iat": issued_at, "exp": expires_at}
        if buyer is not None:
            claims |= {"sub": str(buyer.customer_id), "scope": " ".join(sorted(buyer.scopes))}
        token = jwt.encode(claims, self.key, algorithm=ALGORITHM, headers={"kid": CALLER})
        self._minted.pop((service, buyer), None)
        self._forget(now)
        self._minted[service, buyer] = (expires_at, token)
        return token

    def _forget(self, now: float) -> None:
        """The oldest two, if they have expired or there are too many: more than come in, and never a long search."""
        for _ in range(2):
            oldest = next(iter(self._minted.values()), None)
            if oldest is None or (oldest[0] > now and len(self._minted) < REMEMBERED_TOKENS):
                return
            self._minted.popitem(last=False)
