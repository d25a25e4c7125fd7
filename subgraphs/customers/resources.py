"""What a running customers service holds besides its database."""

from dataclasses import dataclass

from subgraphs.chassis.graphql.context import Info
from subgraphs.customers.cpf_vault import CpfVault
from subgraphs.customers.passwords import Passwords
from subgraphs.customers.tokens import AccessTokens


@dataclass(frozen=True, slots=True)
class Resources:
    passwords: Passwords
    access_tokens: AccessTokens
    cpfs: CpfVault


def resources_of(info: Info) -> Resources:
    """What ``app.py`` opened."""
    resources: Resources = info.context.resources
    return resources
