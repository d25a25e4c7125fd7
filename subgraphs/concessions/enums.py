"""Registers the domain's enums with strawberry, under their public names; importing it is what does it."""

import strawberry

from subgraphs.concessions.domain.catalogue import EventKind, ProductCategory
from subgraphs.concessions.domain.order_states import OrderStatus
from subgraphs.concessions.domain.reservation import Confirmation

strawberry.enum(ProductCategory)
strawberry.enum(EventKind)
strawberry.enum(OrderStatus, name="ConcessionOrderStatus")
strawberry.federation.enum(Confirmation, name="ConcessionConfirmation", inaccessible=True)

__all__ = ["Confirmation", "EventKind", "OrderStatus", "ProductCategory"]
