"""Keys, passwords and secrets of one local platform: made once per home, each a file that only its owner reads."""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.local.faults import HomeUnusable

CALLERS = ("gateway", "workers")


@dataclass(frozen=True, slots=True)
class Identity:
    """Private keys are Ed25519 in PKCS 8 PEM; secrets are text."""

    service_token_keys: dict[str, str]
    access_token_signing_key: str
    ticket_signing_key: str
    database_password: str
    superuser_password: str
    pix_webhook_secret: str
    pix_client_secret: str
    stripe_webhook_secret: str
    stripe_api_key: str
    demo_password: str

    @property
    def service_token_jwks(self) -> str:
        """JSON Web Key Set of the callers' public keys, `kid` = the caller (RFC 8037)."""
        keys = [_public_jwk(caller, pem) for caller, pem in self.service_token_keys.items()]
        return msgspec.json.encode({"keys": keys}).decode()


def load_or_create(directory: Path) -> Identity:
    """Reads what is there and makes what is missing. Raises HomeUnusable when a file cannot be read or written."""
    return Identity(
        service_token_keys={
            caller: _kept(directory / f"service-token-{caller}.pem", _private_key) for caller in CALLERS
        },
        access_token_signing_key=_kept(directory / "access-token.pem", _private_key),
        ticket_signing_key=_kept(directory / "ticket.pem", _private_key),
        database_password=_kept(directory / "database-password", _secret),
        superuser_password=_kept(directory / "database-superuser-password", _secret),
        pix_webhook_secret=_kept(directory / "pix-webhook-secret", _secret),
        pix_client_secret=_kept(directory / "pix-client-secret", _secret),
        stripe_webhook_secret=_kept(directory / "stripe-webhook-secret", lambda: f"whsec_{_secret()}"),
        stripe_api_key=_kept(directory / "stripe-api-key", lambda: f"sk_test_{_secret()}"),
        # Shown on purpose when the platform has started: it opens demo accounts on this machine only.
        demo_password=_kept(directory / "demo-password", lambda: f"Bilheteria-{secrets.token_hex(4)}"),
    )


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        if path.exists():
            value = path.read_text().strip("\n") + ("\n" if path.suffix == ".pem" else "")
            if value.strip():
                return value
            path.unlink()  # a crash between creating and writing
        value = make()
        partial = path.with_name(path.name + ".new")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
        partial.rename(path)
    except PermissionError as exc:
        raise HomeUnusable(f"There is no permission for {exc.filename}: choose another --home.") from exc
    return value


def _private_key() -> str:
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _secret() -> str:
    return secrets.token_hex(20)


def _public_jwk(kid: str, pem: str) -> dict[str, str]:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}
