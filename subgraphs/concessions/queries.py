"""The public queries of the service: the catalogue."""

from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.pagination import Connection, connection_of, decode_cursor, page_of, page_size
from subgraphs.concessions.domain import catalogue
from subgraphs.concessions.enums import ProductCategory
from subgraphs.concessions.reconciliation import ReconciliationQuery
from subgraphs.concessions.repositories.products import page_of_products
from subgraphs.concessions.types import Product, product_cursor

MAX_IDS = 100


@strawberry.input
class ProductFilter:
    venue_id: strawberry.ID | None = strawberry.field(default=None, description="What this venue sells.")
    category: ProductCategory | None = None
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="At most 100; unknown ones are left out."
    )


@strawberry.type
class Query(ReconciliationQuery):
    @strawberry.field(description="What is sold, in the order of the menu.")
    async def products(
        self, info: Info, first: int = 20, after: str | None = None, where: ProductFilter | None = None
    ) -> Connection[Product] | None:
        size = page_size(first)
        seen = decode_cursor(after, int, UUID)
        wanted = where or ProductFilter()
        if wanted.ids is not None and len(wanted.ids) > MAX_IDS:
            raise BadInput(f"'where.ids' holds more than {MAX_IDS} ids.")
        venue_id = global_id.decode("Venue", wanted.venue_id) if wanted.venue_id is not None else None
        rows: list[catalogue.Product] = []
        if wanted.venue_id is None or venue_id is not None:
            async with info.context.database.connect() as connection:
                rows = await page_of_products(
                    connection,
                    limit=size + 1,
                    after=(seen[0], seen[1]) if seen is not None else None,
                    venue_id=venue_id,
                    category=wanted.category,
                    ids=_product_ids(wanted.ids),
                )
        return connection_of(page_of(rows, size, after=after), node=Product.of, cursor=product_cursor)

    @strawberry.field
    async def product(self, info: Info, id: strawberry.ID) -> Product | None:
        return await Product.resolve_reference(info, id)


def _product_ids(ids: list[strawberry.ID] | None) -> list[UUID] | None:
    if ids is None:
        return None
    return [known for given in ids if (known := global_id.decode("Product", given)) is not None]
