"""CPFs as they lie in the database: sealed, so that a copy of the tables tells nobody's number."""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from subgraphs.customers.settings import Settings

_PURPOSE: Final = b"bilhetagem customers cpf 1"


class CpfVault:
    """AES-SIV (RFC 5297). One CPF always seals to the same octets, so a unique constraint still finds it twice.

    A bare hash would not do: there are only a thousand million CPFs, and trying them all takes seconds.
    """

    def __init__(self, secret: bytes) -> None:
        """``secret``: at least 32 octets. Raises ``ValueError`` for fewer."""
        if len(secret) < 32:
            raise ValueError("the secret for CPFs is shorter than 32 octets")
        self._cipher = AESSIV(HKDF(SHA256(), length=64, salt=None, info=_PURPOSE).derive(secret))

    def seal(self, cpf: str) -> bytes:
        """``cpf``: eleven digits."""
        return self._cipher.encrypt(cpf.encode("ascii"), None)

    def unseal(self, sealed: bytes) -> str:
        """The eleven digits. Raises ``ValueError`` for what another key sealed, or somebody changed."""
        try:
            return self._cipher.decrypt(sealed, None).decode("ascii")
        except InvalidTag as exc:
            raise ValueError("a sealed CPF does not open with this key") from exc


def cpf_vault(settings: Settings) -> CpfVault:
    """With the key for CPFs or, in development, one derived from the signing key.

    Raises ``ValueError`` for a key that is not base64 or is too short.
    """
    if settings.cpf_key is None:
        return CpfVault(settings.access_token_signing_key.get_secret_value().strip().encode())
    try:
        return CpfVault(base64.b64decode(settings.cpf_key.get_secret_value(), validate=True))
    except binascii.Error as exc:
        raise ValueError("the secret for CPFs is not base64") from exc
