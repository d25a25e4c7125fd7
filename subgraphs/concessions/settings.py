"""What the environment tells this service."""

from typing import ClassVar

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service is told."""

    service: ClassVar[str] = "concessions"
