"""What the environment tells this service."""

from typing import ClassVar

from pydantic import Field

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """``ticket_signing_key`` is an Ed25519 private key in PEM.

    ``reservation_requests_table`` is where the gateway records requests; ticketing only reads it, for those that have
    not been served yet.
    """

    service: ClassVar[str] = "ticketing"

    reservation_requests_table: str
    ticket_signing_key: str = Field(repr=False)
