"""A gateway as `create_app` makes it, with keys of its own and the services' addresses made up."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.settings import SERVICES, Settings

ISSUER = "http://customers.test"
JWKS_URL = f"{ISSUER}/.well-known/jwks.json"


@dataclass
class Issuer:
    """Signs access tokens as the customers service does."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "now"

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "alg": "EdDSA", "use": "sig"}]}

    def token(
        self,
        customer_id: UUID | None = None,
        *,
        key: Any = None,
        algorithm: str = "EdDSA",
        header: dict[str, Any] | None = None,
        without: str | None = None,
        **claims: Any,
    ) -> str:
        """A good token, except for what is said otherwise."""
        now = int(time.time())
        payload: dict[str, Any] = {"iss": ISSUER, "aud": "bilhetagem", "iat": now, "exp": now + 900}
        payload |= {"sub": str(customer_id or uuid4()), "scope": "customer", **claims}
        payload.pop(without or "", None)
        return jwt.encode(payload, key or self.key, algorithm=algorithm, headers={"kid": self.kid, **(header or {})})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def service_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def settings(service_key: Ed25519PrivateKey) -> Settings:
    """AWS is nowhere: tests that need it give another endpoint."""
    pem = service_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    urls = {f"{service}_url": f"http://{service}.test/graphql" for service in SERVICES}
    return Settings(
        **urls,  # type: ignore[arg-type]
        aws_endpoint_url="http://127.0.0.1:9",
        service_token_private_key=pem,
        access_token_issuer=ISSUER,
        access_token_jwks_url=JWKS_URL,
        reservation_requests_table=f"requests-{secrets.token_hex(4)}",
        reservation_requests_queue_url="http://127.0.0.1:9/000000000000/none.fifo",
        suggestions_default_parameter=f"/bilhetagem/{secrets.token_hex(4)}/suggestions/default",
    )
