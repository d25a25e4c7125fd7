"""What the sandbox is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Without ``sandbox_data`` (a folder) nothing is kept after the process ends."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    sandbox_data: Path | None = Field(default=None, validation_alias=AliasChoices("sandbox_data", "state_directory"))
    pix_client_id: str
    pix_client_secret: str = Field(repr=False)
    pix_webhook_url: str
    pix_webhook_secret: str = Field(repr=False)
    stripe_api_key: str = Field(repr=False)
    stripe_webhook_url: str
    stripe_webhook_secret: str = Field(repr=False)
    slow_card_seconds: float = Field(default=5.0, ge=0, le=600)
    refund_seconds: float = Field(default=0.5, ge=0, le=600)
