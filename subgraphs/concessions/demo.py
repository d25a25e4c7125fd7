"""`python -m subgraphs.concessions.demo` loads the demo menu and its stock; running it again changes what it describes.

Stock that was sold or reserved stays so; a venue that ran low is filled up again.
"""

import asyncio
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.chassis.demo import demo_id
from subgraphs.concessions.demo_products import PRODUCTS, DemoProduct
from subgraphs.concessions.settings import Settings
from subgraphs.concessions.tables import product_stock, products

# What a venue stages decides what its counters sell.
VENUES: dict[str, tuple[frozenset[str], int]] = {
    "allianz-parque": (frozenset({"FOOTBALL", "CONCERT"}), 5_000),
    "maracana": (frozenset({"FOOTBALL", "CONCERT"}), 8_000),
    "cine-paulista": (frozenset({"CINEMA"}), 600),
    "sambodromo": (frozenset({"CONCERT", "FESTIVAL"}), 4_000),
}

# Served when the suggestions service is down: something for every kind of event.
DEFAULT_SUGGESTIONS: tuple[str, ...] = ("combo-pipoca", "refrigerante-500", "agua", "copo-colecionavel")


async def seed(settings: Settings) -> None:
    """Load the menu of forty products and the stock of the four demo venues; idempotent."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is needed to load demo data")
    database = Database(settings.database_url, pool_size=1, limits=BACKGROUND)
    try:
        async with database.transaction() as connection:
            menu = insert(products).values([_product(position, product) for position, product in enumerate(PRODUCTS)])
            described = [column.name for column in products.columns if column.name not in ("id", "active")]
            await connection.execute(
                menu.on_conflict_do_update(
                    index_elements=[products.c.id], set_={name: menu.excluded[name] for name in described}
                )
            )
            stock = insert(product_stock).values(_stock())
            filled = func.greatest(product_stock.c.available, stock.excluded.available)
            await connection.execute(
                stock.on_conflict_do_update(
                    index_elements=[product_stock.c.venue_id, product_stock.c.product_id], set_={"available": filled}
                )
            )
    finally:
        await database.dispose()


def _product(position: int, product: DemoProduct) -> dict[str, Any]:
    return {
        "id": demo_id("product", product.slug),
        "category": product.category,
        "size": product.size,
        "name_pt": product.name_pt,
        "name_en": product.name_en,
        "description_pt": product.description_pt,
        "description_en": product.description_en,
        "event_kinds": list(product.event_kinds),
        "price_minor": product.price_minor,
        "currency": "BRL",
        "minimum_age": product.minimum_age,
        "position": position,
    }


def _stock() -> list[dict[str, Any]]:
    return [
        {
            "venue_id": demo_id("venue", venue),
            "product_id": demo_id("product", product.slug),
            "available": amount // 10 if product.category == "MERCHANDISE" else amount,
        }
        for venue, (kinds, amount) in VENUES.items()
        for product in PRODUCTS
        if kinds & set(product.event_kinds)
    ]


if __name__ == "__main__":
    asyncio.run(seed(Settings()))
