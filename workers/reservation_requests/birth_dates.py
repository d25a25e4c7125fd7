"""Asking customers when buyers were born: only for requests that ticketing cannot decide without."""

from collections.abc import Collection

import msgspec

from workers.runtime.subgraph_client import SubgraphClient

BIRTH_DATES = """
query BirthDates($customerIds: [ID!]!) { birthDates(customerIds: $customerIds) { customerId birthDate } }
"""


class BirthDate(msgspec.Struct, frozen=True, rename="camel"):
    customer_id: str
    birth_date: str


def birth_dates(services: SubgraphClient, customer_ids: Collection[str]) -> dict[str, str]:
    """ISO dates by customer; who is not a customer (any more) is left out. Raises TransientFault and PermanentFault."""
    answer = services.ask("customers", BIRTH_DATES, {"customerIds": sorted(set(customer_ids))})["birthDates"]
    return {found.customer_id: found.birth_date for found in msgspec.convert(answer, list[BirthDate])}
