"""What every service is told by its environment. Only a service's ``app.py``, ``demo.py`` and the commands read it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Base of a service's ``Settings``; the subclass names its ``service`` and adds its own fields.

    ``database_url`` is ``postgresql+asyncpg://…`` or None (a service without a database);
    ``service_token_jwks`` is a JSON Web Key Set with the callers' public keys (``kid`` = caller).
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    service: ClassVar[str]

    environment: Literal["development", "production"] = "development"
    port: int = 0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    aws_endpoint_url: str | None = None
    aws_region: str = "sa-east-1"
    database_url: str | None = Field(default=None, repr=False)
    database_pool_size: int = Field(default=5, ge=1, le=50)
    events_topic_arn: str | None = None
    events_queue_url: str | None = None
    service_token_jwks: str = Field(repr=False)
