"""The services that this subgraph speaks to."""

from dataclasses import dataclass

import httpx

from gateway.experience.clients.subgraph import SubgraphClient


@dataclass(frozen=True, slots=True)
class Services:
    ticketing: SubgraphClient
    concessions: SubgraphClient
    customers: SubgraphClient
    payments: SubgraphClient
    suggestions: SubgraphClient
    notifications: SubgraphClient

    def of(self, name: str) -> SubgraphClient:
        """Raises AttributeError for another name."""
        client: SubgraphClient = getattr(self, name)
        return client


def connect_services(urls: dict[str, str], http: httpx.AsyncClient) -> Services:
    """`urls` by service name."""
    return Services(
        ticketing=SubgraphClient("ticketing", urls["ticketing"], http),
        concessions=SubgraphClient("concessions", urls["concessions"], http),
        customers=SubgraphClient("customers", urls["customers"], http),
        # Creating a payment waits for the bank; a second try continues the first.
        payments=SubgraphClient("payments", urls["payments"], http, timeout=12.0, attempt_timeout=8.0, attempts=2),
        suggestions=SubgraphClient("suggestions", urls["suggestions"], http, timeout=1.6, attempt_timeout=0.8),
        notifications=SubgraphClient("notifications", urls["notifications"], http),
    )
