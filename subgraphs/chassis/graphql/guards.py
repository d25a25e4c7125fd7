"""Who may ask for an internal (``@inaccessible``) field."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final
from uuid import UUID

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import NotAllowed

WORKERS: Final = frozenset({"workers"})
GATEWAY: Final = frozenset({"gateway"})


def internal_only(info: Info, callers: AbstractSet[str] = WORKERS) -> None:
    """Raise ``NotAllowed`` unless the service token's caller is one of ``callers``. Call it first in the resolver."""
    if info.context.identity.caller not in callers:
        raise NotAllowed("This operation is internal.")


def customer_of(info: Info) -> UUID:
    """The customer an internal operation is for. Raises ``NotAllowed`` without one."""
    customer_id = info.context.identity.customer_id
    if customer_id is None:
        raise NotAllowed("This operation needs a customer.")
    return customer_id
