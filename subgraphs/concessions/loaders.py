"""The request's DataLoaders: whatever a page holds, each kind of thing is read with one statement."""

from collections import defaultdict
from uuid import UUID

from strawberry.dataloader import DataLoader

from subgraphs.chassis.graphql.context import Context
from subgraphs.concessions.domain.catalogue import EventKind, Product
from subgraphs.concessions.domain.order import Order, OrderItem
from subgraphs.concessions.repositories import orders, products

VenuePage = tuple[UUID, int, tuple[int, UUID] | None]


def product_by_id(context: Context) -> DataLoader[UUID, Product | None]:
    """Load products, sold or not; None for unknown ids."""

    async def load(ids: list[UUID]) -> list[Product | None]:
        async with context.database.connect() as connection:
            found = await products.find_products(connection, ids)
        return [found.get(product_id) for product_id in ids]

    return context.loader("product_by_id", load)


def availability(context: Context) -> DataLoader[tuple[UUID, UUID | None], bool]:
    """Tell of (product, venue) whether it is in stock there; with None for the venue, whether it is anywhere."""

    async def load(keys: list[tuple[UUID, UUID | None]]) -> list[bool]:
        anywhere = [product_id for product_id, venue_id in keys if venue_id is None]
        at_venue = [(product_id, venue_id) for product_id, venue_id in keys if venue_id is not None]
        found: set[tuple[UUID, UUID | None]] = set()
        async with context.database.connect() as connection:
            if anywhere:
                found |= {(product_id, None) for product_id in await products.available_anywhere(connection, anywhere)}
            if at_venue:
                found |= await products.available_at(connection, at_venue)
        return [key in found for key in keys]

    return context.loader("availability", load)


def products_of_venue(context: Context) -> DataLoader[VenuePage, list[Product]]:
    """Load pages of (venue, limit, after); venues asked for the same page share a statement."""

    async def load(keys: list[VenuePage]) -> list[list[Product]]:
        venues: dict[tuple[int, tuple[int, UUID] | None], list[UUID]] = defaultdict(list)
        for venue_id, limit, after in keys:
            venues[limit, after].append(venue_id)
        found: dict[VenuePage, list[Product]] = {}
        async with context.database.connect() as connection:
            for (limit, after), venue_ids in venues.items():
                pages = await products.pages_of_venues(connection, venue_ids, limit=limit, after=after)
                found |= {(venue_id, limit, after): page for venue_id, page in pages.items()}
        return [found[key] for key in keys]

    return context.loader("products_of_venue", load)


def combos(context: Context) -> DataLoader[tuple[EventKind, int], list[Product]]:
    """Load the first combos suited to (kind, how many)."""

    async def load(keys: list[tuple[EventKind, int]]) -> list[list[Product]]:
        most = max(first for _, first in keys)
        async with context.database.connect() as connection:
            found = await products.combos_for_kinds(connection, sorted({kind for kind, _ in keys}), limit=most)
        return [found[kind][:first] for kind, first in keys]

    return context.loader("combos", load)


def order_by_id(context: Context) -> DataLoader[UUID, Order | None]:
    """Load orders of the token's customer; None for unknown and for foreign ids alike."""

    async def load(ids: list[UUID]) -> list[Order | None]:
        customer_id = context.customer_id
        if customer_id is None:
            return [None] * len(ids)
        async with context.database.connect() as connection:
            found = await orders.find_orders(connection, ids, customer_id)
        return [found.get(order_id) for order_id in ids]

    return context.loader("order_by_id", load)


def order_of_reservation(context: Context) -> DataLoader[UUID, Order | None]:
    """Load the order of each reservation, as far as it is the token's customer's."""

    async def load(reservation_ids: list[UUID]) -> list[Order | None]:
        customer_id = context.customer_id
        if customer_id is None:
            return [None] * len(reservation_ids)
        async with context.database.connect() as connection:
            found = await orders.orders_of_reservations(connection, reservation_ids, customer_id)
        return [found.get(reservation_id) for reservation_id in reservation_ids]

    return context.loader("order_of_reservation", load)


def items_of_order(context: Context) -> DataLoader[UUID, list[OrderItem]]:
    """Load the lines of orders that were themselves loaded with the customer in the key."""

    async def load(order_ids: list[UUID]) -> list[list[OrderItem]]:
        async with context.database.connect() as connection:
            found = await orders.items_of_orders(connection, order_ids)
        return [found[order_id] for order_id in order_ids]

    return context.loader("items_of_order", load)
