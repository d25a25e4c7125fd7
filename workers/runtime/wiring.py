"""The parts that every worker with subgraphs to ask is made of."""

import os
from collections.abc import Callable

import msgspec

from workers.runtime import aws
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.settings import read_settings
from workers.runtime.subgraph_client import SubgraphClient


class SubgraphSettings(msgspec.Struct, frozen=True, kw_only=True):
    ticketing_url: str
    payments_url: str
    concessions_url: str
    customers_url: str
    notifications_url: str
    service_token_key_parameter: str


def subgraph_client() -> SubgraphClient:
    """From the environment. The signing key is read from Parameter Store when the first token is minted."""
    settings = read_settings(SubgraphSettings, os.environ)
    return SubgraphClient(
        {
            "ticketing": settings.ticketing_url,
            "payments": settings.payments_url,
            "concessions": settings.concessions_url,
            "customers": settings.customers_url,
            "notifications": settings.notifications_url,
        },
        ServiceTokens(signing_key_reader(settings.service_token_key_parameter)),
    )


def signing_key_reader(parameter: str) -> Callable[[], str]:
    """Reads the key from Parameter Store when it is called. Raises WorkerFault."""

    def read() -> str:
        answer = aws.ssm().get_parameter(Name=parameter, WithDecryption=True)
        return answer["Parameter"]["Value"]

    return read
