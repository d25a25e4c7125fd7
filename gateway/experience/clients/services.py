"""The services that this subgraph speaks to, and how long it waits for each."""

from dataclasses import dataclass

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


def declare_services() -> Services:
    return Services(
        ticketing=SubgraphClient("ticketing"),
        concessions=SubgraphClient("concessions"),
        customers=SubgraphClient("customers"),
        # Creating a payment waits for the bank; a second try continues the first.
        payments=SubgraphClient("payments", timeout=12.0, attempt_timeout=8.0, attempts=2),
        suggestions=SubgraphClient("suggestions", timeout=1.6, attempt_timeout=0.8),
        notifications=SubgraphClient("notifications"),
    )
