"""What the notifications service is told by its environment."""

from typing import ClassVar

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """``sender_email`` must be an address that SES has verified; ``database_url`` is required."""

    service: ClassVar[str] = "notifications"

    database_url: str
    sender_email: str
