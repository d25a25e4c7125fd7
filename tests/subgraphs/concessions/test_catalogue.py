"""The menu and the fields that this service adds to other services' entities."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.demo import demo_id
from subgraphs.chassis.graphql.global_id import encode
from subgraphs.concessions.demo import DEFAULT_SUGGESTIONS, VENUES, seed
from subgraphs.concessions.settings import Settings
from subgraphs.concessions.tables import product_stock, products

from .conftest import BEER, COMBO, OTHER_VENUE, POPCORN, SCARF, SODA, VENUE, Service

ENTITIES = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename %s } }"


def names(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["name"] for edge in connection["edges"]]


async def test_the_menu_is_paged_and_speaks_both_languages(service: Service) -> None:
    document = """query ($after: String) { products(first: 3, after: $after) {
        edges { node { name category price { amountMinor currency formatted } } }
        pageInfo { hasNextPage endCursor } } }"""
    first = (await service(document, language="en"))["data"]["products"]
    assert names(first) == ["Popcorn", "Soft drink", "Beer"]
    assert first["edges"][0]["node"]["price"] == {"amountMinor": 1500, "currency": "BRL", "formatted": "R$15.00"}
    assert first["pageInfo"]["hasNextPage"] is True
    rest = (await service(document, {"after": first["pageInfo"]["endCursor"]}))["data"]["products"]
    assert names(rest) == ["Combo Pipoca", "Cachecol"]
    assert rest["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"category": "DRINK"}, ["Refrigerante", "Cerveja"]),
        ({"venueId": encode("Venue", OTHER_VENUE), "category": "MERCHANDISE"}, []),
        ({"venueId": encode("Venue", uuid4())}, []),
        ({"venueId": "garbage"}, []),
        (
            {"ids": [encode("Product", SODA), "garbage", encode("Venue", POPCORN), encode("Product", uuid4())]},
            ["Refrigerante"],
        ),
        ({"ids": []}, []),
    ],
)
async def test_the_menu_is_filtered(service: Service, where: dict[str, Any], expected: list[str]) -> None:
    answer = await service(
        "query ($w: ProductFilter) { products(where: $w) { edges { node { name } } } }", {"w": where}
    )
    assert names(answer["data"]["products"]) == expected


@pytest.mark.parametrize(
    "arguments", ["first: 0", "first: 101", 'after: "garbage"', f"where: {{ ids: {json.dumps(['x'] * 101)} }}"]
)
async def test_arguments_out_of_bounds_are_client_errors(service: Service, arguments: str) -> None:
    answer = await service(f"{{ products({arguments}) {{ edges {{ cursor }} }} }}")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_product_by_id(service: Service, db: Database) -> None:
    document = """query ($id: ID!, $v: ID, $o: ID) { product(id: $id) { name minimumAge
        a: available b: available(venueId: $v) c: available(venueId: $o) d: available(venueId: "garbage") } }"""
    variables = {"id": encode("Product", BEER), "v": encode("Venue", VENUE), "o": encode("Venue", OTHER_VENUE)}
    async with db.transaction() as connection:
        await connection.execute(
            sa.update(product_stock).where(product_stock.c.venue_id == OTHER_VENUE).values(available=0)
        )
    answer = await service(document, variables)
    assert answer["data"]["product"] == {
        "name": "Cerveja",
        "minimumAge": 18,
        "a": True,
        "b": True,
        "c": False,
        "d": False,
    }
    for missing in (encode("Product", uuid4()), encode("Event", BEER), "garbage"):
        assert (await service(document, {"id": missing}))["data"]["product"] is None


async def test_an_event_offers_the_combos_of_its_kind(service: Service, db: Database) -> None:
    async with db.transaction() as connection:
        await connection.execute(
            sa.insert(products).values(
                id=uuid4(),
                category="COMBO",
                name_pt="Combo Chope",
                name_en="Beer combo",
                description_pt="",
                description_en="",
                event_kinds=["FOOTBALL"],
                price_minor=3000,
                minimum_age=18,
                position=0,
            )
        )
    kinds = ["FOOTBALL", "CINEMA", "CONCERT", "RODEO"]
    representations = [
        {"__typename": "Event", "id": encode("Event", UUID(int=n)), "kind": k} for n, k in enumerate(kinds)
    ]
    answer = await service(ENTITIES % "... on Event { id combos(first: 5) { name } }", {"r": representations})
    offered = [[combo["name"] for combo in event["combos"]] for event in answer["data"]["_entities"]]
    # Nothing with a minimum age, nothing for kinds without combos, and an unknown kind is no error.
    assert offered == [["Combo Pipoca"], ["Combo Pipoca"], [], []]


async def test_venues_list_what_they_sell(service: Service) -> None:
    representations = [{"__typename": "Venue", "id": encode("Venue", v)} for v in (VENUE, OTHER_VENUE, uuid4())]
    representations.append({"__typename": "Venue", "id": "garbage"})
    answer = await service(
        ENTITIES % "... on Venue { products(first: 4) { edges { node { name } } pageInfo { hasNextPage endCursor } } }",
        {"r": representations},
    )
    pages = [venue["products"] for venue in answer["data"]["_entities"]]
    assert [len(page["edges"]) for page in pages] == [4, 4, 0, 0]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, False, False, False]
    after = pages[0]["pageInfo"]["endCursor"]
    rest = await service(
        ENTITIES
        % "... on Venue { products(first: 4, after: $a) { edges { node { name } } } }".replace("$a", f'"{after}"'),
        {"r": representations[:1]},
    )
    assert names(rest["data"]["_entities"][0]["products"]) == ["Cachecol"]


async def test_an_order_is_seen_by_its_customer_alone(service: Service) -> None:
    reservation, ana, bia = uuid4(), uuid4(), uuid4()
    placed = await service.place(reservation, ana, [(POPCORN, 2), (COMBO, 1)])
    confirmed = await service.confirm(reservation, ana)
    order_id = encode("ConcessionOrder", UUID(placed["order"]["id"]))
    document = (
        ENTITIES
        % """
        ... on Reservation { concessionOrder { id pickupCode } }
        ... on ConcessionOrder { status total { amountMinor }
            items { quantity unitPrice { amountMinor } total { amountMinor } product { name } } }"""
    )
    representations = [
        {"__typename": "Reservation", "id": encode("Reservation", reservation)},
        {"__typename": "ConcessionOrder", "id": order_id},
        {"__typename": "Reservation", "id": encode("Reservation", uuid4())},
        {"__typename": "ConcessionOrder", "id": encode("ConcessionOrder", uuid4())},
    ]
    hers = (await service(document, {"r": representations}, customer=ana))["data"]["_entities"]
    assert hers[0]["concessionOrder"] == {"id": order_id, "pickupCode": confirmed["pickupCode"]}
    assert hers[1]["status"] == "PAID"
    assert hers[1]["total"] == {"amountMinor": 5200}
    assert [(item["product"]["name"], item["quantity"], item["total"]["amountMinor"]) for item in hers[1]["items"]] == [
        ("Pipoca", 2, 3000),
        ("Combo Pipoca", 1, 2200),
    ]
    # What was never there, and what is somebody else's, look alike.
    assert (hers[2]["concessionOrder"], hers[3]) == (None, None)
    for somebody in (bia, None):
        theirs = (await service(document, {"r": representations}, customer=somebody))["data"]["_entities"]
        assert [theirs[0]["concessionOrder"], theirs[1], theirs[2]["concessionOrder"], theirs[3]] == [None] * 4


async def test_a_reservation_shows_its_live_order_rather_than_the_replaced_one(service: Service) -> None:
    reservation, ana = uuid4(), uuid4()
    await service.place(reservation, ana, [(POPCORN, 2)])
    second = await service.place(reservation, ana, [(SODA, 2)])
    answer = await service(
        ENTITIES % "... on Reservation { concessionOrder { id status } }",
        {"r": [{"__typename": "Reservation", "id": encode("Reservation", reservation)}]},
        customer=ana,
    )
    assert answer["data"]["_entities"][0]["concessionOrder"] == {
        "id": encode("ConcessionOrder", UUID(second["order"]["id"])),
        "status": "PLACED",
    }


async def test_a_page_costs_the_same_statements_whatever_its_length(
    service: Service, count_statements: Callable[[], Any]
) -> None:
    ana = uuid4()
    reservations = [uuid4() for _ in range(6)]
    for reservation in reservations:
        assert (await service.place(reservation, ana, [(POPCORN, 1), (SODA, 1)]))["errors"] == []
    document = (
        ENTITIES
        % """
        ... on Reservation { concessionOrder { items { product { name available } } } }
        ... on Event { combos { name available } }
        ... on Venue { products { edges { node { available } } } }"""
    )

    async def statements(count: int) -> int:
        representations: list[dict[str, Any]] = []
        for n in range(count):
            representations += [
                {"__typename": "Reservation", "id": encode("Reservation", reservations[n])},
                {"__typename": "Event", "id": encode("Event", uuid4()), "kind": "CINEMA"},
                {"__typename": "Venue", "id": encode("Venue", uuid4() if n else VENUE)},
            ]
        with count_statements() as seen:
            answer = await service(document, {"r": representations}, customer=ana)
        assert "errors" not in answer
        return len([statement for statement in seen if statement.lstrip().upper().startswith("SELECT")])

    # At most one a loader and level; which of them meet in one batch is a matter of timing.
    assert await statements(1) <= 8
    assert await statements(6) <= 8


async def test_the_demo_menu_loads_and_loads_again(fresh_database: Callable[[str], str]) -> None:
    settings = Settings(database_url=fresh_database("concessions"), service_token_jwks='{"keys": []}')
    await seed(settings)
    database = Database(str(settings.database_url), pool_size=1)
    try:
        sold = product_stock.c.product_id == demo_id("product", "cachecol")
        async with database.transaction() as connection:
            await connection.execute(sa.update(product_stock).where(sold).values(available=1, sold=7))
        await seed(settings)
        async with database.connect() as connection:
            menu = set((await connection.execute(sa.select(products.c.id))).scalars())
            stocked = set((await connection.execute(sa.select(product_stock.c.venue_id).distinct())).scalars())
            scarves = (await connection.execute(sa.select(product_stock).where(sold))).all()
    finally:
        await database.dispose()
    assert len(menu) == 40
    assert {demo_id("product", slug) for slug in DEFAULT_SUGGESTIONS} <= menu
    assert stocked == {demo_id("venue", venue) for venue in VENUES}
    assert all(row.available > 1 and row.sold == 7 for row in scarves)
    assert SCARF not in menu
