"""The engine in front of somebody else's supergraph: `python docs/examples/shop.py`.

Products, users and inventory are tiny HTTP servers that this script starts; reviews live in this process. The script
prints the plan of a query and the answer to it.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema, graphql_sync

from gateway.federation import Engine, GraphQLRequest, InProcessTransport, SubgraphRequest, connect_subgraphs

SUPERGRAPH = Path(__file__).with_name("shop.graphql")

QUERY = """
query TopProducts {
  topProducts(first: 2) { name inStock shippingEstimate reviews { body author { name } } }
}
"""

# -- the subgraphs: any GraphQL server that knows `_entities` would do ---------------------------------------------

PRODUCTS = [
    {"__typename": "Product", "upc": "1", "name": "Table", "price": 899, "weight": 100},
    {"__typename": "Product", "upc": "2", "name": "Couch", "price": 1299, "weight": 1000},
    {"__typename": "Product", "upc": "3", "name": "Chair", "price": 54, "weight": 50},
]
USERS = [{"__typename": "User", "id": "1", "name": "Ada"}, {"__typename": "User", "id": "2", "name": "Alan"}]
STOCK = {"1": True, "2": False, "3": True}
REVIEWS = [
    {"id": "1", "product": PRODUCTS[0], "author": USERS[0], "body": "Love it!"},
    {"id": "2", "product": PRODUCTS[1], "author": USERS[0], "body": "Too expensive."},
    {"id": "3", "product": PRODUCTS[0], "author": USERS[1], "body": "Could be better."},
]

ENTITIES = "scalar _Any extend type Query { _entities(representations: [_Any!]!): [_Entity]! } union _Entity = "


def find_product(representation: dict[str, Any]) -> dict[str, Any]:
    return next(product for product in PRODUCTS if product["upc"] == representation["upc"])


def find_user(representation: dict[str, Any]) -> dict[str, Any]:
    return next(user for user in USERS if user["id"] == representation["id"])


def stock_product(representation: dict[str, Any]) -> dict[str, Any]:
    stocked = {**representation, "inStock": STOCK[representation["upc"]]}
    if "price" in representation:
        stocked["shippingEstimate"] = 0 if representation["price"] > 1000 else representation["weight"] // 2
    return stocked


def review_entity(representation: dict[str, Any]) -> dict[str, Any]:
    key, of = ("upc", "product") if representation["__typename"] == "Product" else ("id", "author")
    return {**representation, "reviews": [one for one in REVIEWS if one[of][key] == representation[key]]}


Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


def make_subgraph(sdl: str, find: Callable[[dict[str, Any]], dict[str, Any]], **roots: Callable[..., Any]) -> Answer:
    schema: GraphQLSchema = build_schema(sdl)
    root = {"_entities": lambda _, representations: [find(one) for one in representations], **roots}

    def answer(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return dict(graphql_sync(schema, query, root, variable_values=variables).formatted)

    return answer


products = make_subgraph(
    "type Query { topProducts(first: Int = 3): [Product!]! }"
    "type Product { upc: ID! name: String! price: Int weight: Int }" + ENTITIES + "Product",
    find_product,
    topProducts=lambda _, first: PRODUCTS[:first],
)
users = make_subgraph(
    "type Query { me: User } type User { id: ID! name: String }" + ENTITIES + "User", find_user, me=lambda _: USERS[0]
)
inventory = make_subgraph(
    "type Query type Product { upc: ID! inStock: Boolean shippingEstimate: Int }" + ENTITIES + "Product", stock_product
)
reviews = make_subgraph(
    "type Query type Review { id: ID! body: String product: Product author: User }"
    "type Product { upc: ID! reviews: [Review!] } type User { id: ID! reviews: [Review!] }"
    + ENTITIES
    + "Product | User",
    review_entity,
)


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """The URL of a server on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer(asked["query"], asked.get("variables") or {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing but the plan and the answer is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/graphql"
    finally:
        server.shutdown()
        server.server_close()


# -- the gateway ---------------------------------------------------------------------------------------------------


async def answer_reviews(request: SubgraphRequest) -> dict[str, Any]:
    return reviews(request.query, json.loads(request.variables or b"{}"))


async def main() -> None:
    sdl = SUPERGRAPH.read_text()
    with ExitStack() as servers:
        urls = {
            "products": servers.enter_context(serve(products)),
            "users": servers.enter_context(serve(users)),
            "inventory": servers.enter_context(serve(inventory)),
        }
        in_process = {"reviews": InProcessTransport(answer_reviews)}
        async with connect_subgraphs(sdl, urls=urls, in_process=in_process) as transports:
            engine = Engine(sdl, transports=transports)

            plan = engine.plan(QUERY)
            print(plan)
            print(f"{plan.fetches} fetches in {plan.rounds} rounds")

            body = await engine.execute(GraphQLRequest(query=QUERY))
            print(json.dumps(json.loads(body), indent=2))


if __name__ == "__main__":
    asyncio.run(main())
