"""What the suggestions service is told by its environment."""

from typing import ClassVar

from subgraphs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Names of the two DynamoDB tables. The service has no SQL database, whatever the environment says."""

    service: ClassVar[str] = "suggestions"

    database_url: None = None
    suggestions_table: str
    signals_table: str
