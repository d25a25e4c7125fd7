"""What the gateway is told by its environment. Only `app.py` reads it."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVICES = ("ticketing", "payments", "concessions", "customers", "notifications", "suggestions")


class Settings(BaseSettings):
    """URLs of services are whole (`http://…/graphql`). Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    aws_endpoint_url: str | None = None
    aws_region: str = "sa-east-1"

    ticketing_url: str
    payments_url: str
    concessions_url: str
    customers_url: str
    notifications_url: str
    suggestions_url: str

    service_token_private_key: str = Field(repr=False)
    access_token_issuer: str
    access_token_audience: str = "bilhetagem"  # noqa: S105 (an audience is public)
    access_token_jwks_url: str

    reservation_requests_table: str
    reservation_requests_queue_url: str
    suggestions_default_parameter: str

    request_timeout: float = Field(default=15.0, gt=0, le=60)
    max_body_bytes: int = Field(default=256 * 1024, ge=1_024)
    # How many proxies of ours a request comes through: so many entries of X-Forwarded-For, from its end, are believed.
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    # Event streams and sockets: of callers who are signed in, of others, of one address, of one caller.
    max_streams: int = Field(default=5_000, ge=1)
    max_anonymous_streams: int = Field(default=1_000, ge=1)
    streams_per_address: int = Field(default=50, ge=1)
    streams_per_caller: int = Field(default=50, ge=1)
    idle_socket_seconds: float = Field(default=60.0, gt=0)

    @property
    def development(self) -> bool:
        return self.environment == "development"

    def service_url(self, service: str) -> str:
        """Raises AttributeError for a service that is none of `SERVICES`."""
        return str(getattr(self, f"{service}_url"))
