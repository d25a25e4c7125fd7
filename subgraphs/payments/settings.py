"""What the payments service is told by its environment."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """``pix_base_url`` ends before ``/v2``, ``stripe_api_base`` before ``/v1``; ``pix_key`` receives the money."""

    service: ClassVar[str] = "payments"

    pix_base_url: str
    pix_client_id: str
    pix_client_secret: str = Field(repr=False, min_length=1)
    pix_key: str
    pix_webhook_secret: str = Field(repr=False, min_length=16)
    stripe_api_base: str
    stripe_api_key: str = Field(repr=False, min_length=1)
    stripe_webhook_secret: str = Field(repr=False, min_length=16)
    check_open_after_seconds: float = Field(default=15.0, ge=0.1)
