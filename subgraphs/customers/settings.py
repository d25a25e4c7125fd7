"""What the customers service is told by its environment."""

from typing import ClassVar, Self

from pydantic import SecretStr, model_validator

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """``access_token_signing_key`` is an Ed25519 private key in PEM; ``access_token_issuer`` this service's address.

    ``cpf_key`` (base64, 32 octets at least) seals CPFs in the database. It must never change, and the signing key has
    to be changeable: so production needs one of its own, and only development may derive it from the signing key.
    """

    service: ClassVar[str] = "customers"

    database_url: str
    access_token_signing_key: SecretStr
    access_token_issuer: str
    access_token_audience: str = "bilhetagem"  # noqa: S105 (an audience is public)
    cpf_key: SecretStr | None = None

    @model_validator(mode="after")
    def _has_a_cpf_key_in_production(self) -> Self:
        if self.environment == "production" and self.cpf_key is None:
            raise ValueError("CPF_KEY is required in production")
        return self
