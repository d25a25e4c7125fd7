"""The parts that every worker with subgraphs to ask is made of."""

import os

import msgspec

from workers.runtime import aws
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.settings import read_settings
from workers.runtime.subgraph_client import SubgraphClient


class SubgraphSettings(msgspec.Struct, frozen=True, kw_only=True):
    ticketing_url: str
    payments_url: str
    concessions_url: str
    notifications_url: str
    service_token_key_parameter: str


def subgraph_client() -> SubgraphClient:
    """From the environment. The signing key is read from Parameter Store when the first token is minted."""
    settings = read_settings(SubgraphSettings, os.environ)

    def signing_key() -> str:
        answer = aws.ssm().get_parameter(Name=settings.service_token_key_parameter, WithDecryption=True)
        return answer["Parameter"]["Value"]

    return SubgraphClient(
        {
            "ticketing": settings.ticketing_url,
            "payments": settings.payments_url,
            "concessions": settings.concessions_url,
            "notifications": settings.notifications_url,
        },
        ServiceTokens(signing_key),
    )
