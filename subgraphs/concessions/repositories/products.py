"""SQL of the catalogue. Everything is read in bulk, so that a page costs a fixed number of statements."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, and_, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.concessions.domain.catalogue import EventKind, LocalisedText, Product, ProductCategory
from subgraphs.concessions.tables import product_stock, products


def _product(row: Row[Any]) -> Product:
    return Product(
        id=row.id,
        name=LocalisedText(row.name_pt, row.name_en),
        description=LocalisedText(row.description_pt, row.description_en),
        category=ProductCategory(row.category),
        size=row.size,
        price_minor=row.price_minor,
        currency=row.currency,
        minimum_age=row.minimum_age,
        position=row.position,
    )


async def find_products(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Return the products with these ids, also those no longer sold (old orders still show them)."""
    rows = await connection.execute(select(products).where(products.c.id.in_(list(ids))))
    return {row.id: _product(row) for row in rows}


async def find_products_on_sale(
    connection: AsyncConnection, venue_id: UUID, ids: Iterable[UUID]
) -> dict[UUID, Product]:
    """Return those of the products that the venue sells, in stock or not."""
    statement = (
        select(products)
        .join(product_stock, product_stock.c.product_id == products.c.id)
        .where(product_stock.c.venue_id == venue_id, products.c.id.in_(list(ids)), products.c.active)
    )
    return {row.id: _product(row) for row in await connection.execute(statement)}


async def page_of_products(
    connection: AsyncConnection,
    *,
    limit: int,
    after: tuple[int, UUID] | None = None,
    venue_id: UUID | None = None,
    category: ProductCategory | None = None,
    ids: Sequence[UUID] | None = None,
) -> list[Product]:
    """Return up to `limit` products in catalogue order, after the (position, id) of the last one seen.

    `venue_id` keeps what the venue sells; `ids` keeps only these (an empty sequence keeps none).
    """
    statement = select(products).where(products.c.active).order_by(products.c.position, products.c.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(products.c.position, products.c.id) > tuple_(*after))
    if venue_id is not None:
        sold_there = product_stock.select().where(
            product_stock.c.venue_id == venue_id, product_stock.c.product_id == products.c.id
        )
        statement = statement.where(sold_there.exists())
    if category is not None:
        statement = statement.where(products.c.category == category.value)
    if ids is not None:
        statement = statement.where(products.c.id.in_(list(ids)))
    return [_product(row) for row in await connection.execute(statement)]


async def pages_of_venues(
    connection: AsyncConnection, venue_ids: Sequence[UUID], *, limit: int, after: tuple[int, UUID] | None = None
) -> dict[UUID, list[Product]]:
    """Return up to `limit` products of each venue, in catalogue order, in one statement."""
    rank = func.row_number().over(partition_by=product_stock.c.venue_id, order_by=(products.c.position, products.c.id))
    ranked = (
        select(products, product_stock.c.venue_id, rank.label("rank"))
        .join(product_stock, product_stock.c.product_id == products.c.id)
        .where(product_stock.c.venue_id.in_(venue_ids), products.c.active)
    )
    if after is not None:
        ranked = ranked.where(tuple_(products.c.position, products.c.id) > tuple_(*after))
    page = ranked.subquery()
    statement = select(page).where(page.c.rank <= limit).order_by(page.c.venue_id, page.c.rank)
    found: dict[UUID, list[Product]] = {venue_id: [] for venue_id in venue_ids}
    for row in await connection.execute(statement):
        found[row.venue_id].append(_product(row))
    return found


async def combos_for_kinds(
    connection: AsyncConnection, kinds: Sequence[EventKind], *, limit: int
) -> dict[EventKind, list[Product]]:
    """Return up to `limit` combos suited to each kind, in catalogue order; never one with a minimum age.

    An event's page is seen by everybody, so it offers only what may be sold to everybody.
    """
    asked = (
        func.unnest(cast([kind.value for kind in kinds], ARRAY(Text))).table_valued("kind").render_derived(name="asked")
    )
    wanted = asked.c.kind
    rank = func.row_number().over(partition_by=wanted, order_by=(products.c.position, products.c.id))
    ranked = (
        select(products, wanted.label("kind"), rank.label("rank"))
        .select_from(products)
        .join(asked, wanted == products.c.event_kinds.any_())
        .where(
            and_(
                products.c.active,
                products.c.category == ProductCategory.COMBO.value,
                products.c.minimum_age.is_(None),
            )
        )
    ).subquery()
    statement = select(ranked).where(ranked.c.rank <= limit).order_by(ranked.c.kind, ranked.c.rank)
    found: dict[EventKind, list[Product]] = {kind: [] for kind in kinds}
    for row in await connection.execute(statement):
        found[EventKind(row.kind)].append(_product(row))
    return found


async def available_anywhere(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the products that some venue has in stock."""
    statement = (
        select(product_stock.c.product_id)
        .join(products, products.c.id == product_stock.c.product_id)
        .where(product_stock.c.product_id.in_(ids), product_stock.c.available > 0, products.c.active)
        .distinct()
    )
    return set((await connection.execute(statement)).scalars())


async def available_at(connection: AsyncConnection, pairs: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Return those of the (product, venue) pairs that are in stock."""
    key = tuple_(product_stock.c.product_id, product_stock.c.venue_id)
    statement = (
        select(product_stock.c.product_id, product_stock.c.venue_id)
        .join(products, products.c.id == product_stock.c.product_id)
        .where(key.in_(pairs), product_stock.c.available > 0, products.c.active)
    )
    return {(row.product_id, row.venue_id) for row in await connection.execute(statement)}
