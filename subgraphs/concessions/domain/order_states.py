"""The states of a concession order and the moves between them, as one table."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order stands; terminal states have no way out in `TRANSITIONS`."""

    DRAFT = "DRAFT"
    PLACED = "PLACED"
    PAID = "PAID"
    PREPARING = "PREPARING"
    READY = "READY"
    PICKED_UP = "PICKED_UP"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.DRAFT: frozenset({OrderStatus.PLACED}),
    OrderStatus.PLACED: frozenset({OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset({OrderStatus.PREPARING, OrderStatus.CANCELLED, OrderStatus.REFUNDED}),
    OrderStatus.PREPARING: frozenset({OrderStatus.READY}),
    OrderStatus.READY: frozenset({OrderStatus.PICKED_UP, OrderStatus.REFUNDED}),
    OrderStatus.PICKED_UP: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
}

# The order counts for its reservation: at most one of these per reservation (partial unique index).
LIVE = frozenset(
    {
        OrderStatus.DRAFT,
        OrderStatus.PLACED,
        OrderStatus.PAID,
        OrderStatus.PREPARING,
        OrderStatus.READY,
        OrderStatus.PICKED_UP,
    }
)

# The money came; a repeated confirmation finds nothing left to do.
SETTLED = frozenset({OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.READY, OrderStatus.PICKED_UP})

# The counter still owes the customer something, so the pick-up code must mean this order alone.
AWAITING_PICKUP = frozenset({OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.READY})


class IllegalTransition(Exception):
    """A move that the table does not have: a fault of the caller, who should have asked `can_move` first."""

    def __init__(self, current: OrderStatus, wanted: OrderStatus) -> None:
        super().__init__(f"a concession order cannot go from {current} to {wanted}")
        self.current = current
        self.wanted = wanted


def can_move(current: OrderStatus, wanted: OrderStatus) -> bool:
    """Tell whether the table has the move; staying put is not a move."""
    return wanted in TRANSITIONS[current]


def move(current: OrderStatus, wanted: OrderStatus) -> OrderStatus:
    """Return `wanted`; raises `IllegalTransition` when the table does not have the move."""
    if not can_move(current, wanted):
        raise IllegalTransition(current, wanted)
    return wanted
