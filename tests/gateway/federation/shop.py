"""A supergraph that uses most of Federation at once, with data: what generated operations are run against."""

from typing import Any

from tests.gateway.federation.simulator import supergraph_sdl

SDL = supergraph_sdl(
    "catalog stock reviews accounts",
    """
    directive @tag(name: String!) on FIELD_DEFINITION

    enum Size @join__type(graph: CATALOG) @join__type(graph: STOCK) {
      SMALL @join__enumValue(graph: CATALOG) @join__enumValue(graph: STOCK)
      LARGE @join__enumValue(graph: CATALOG) @join__enumValue(graph: STOCK)
    }

    interface Node @join__type(graph: CATALOG) @join__type(graph: REVIEWS) { id: ID! }

    interface Product
      @join__type(graph: CATALOG)
      @join__type(graph: STOCK)
      @join__type(graph: REVIEWS)
    {
      id: ID!
      title: String @join__field(graph: CATALOG)
      price(currency: String = "BRL"): Int @join__field(graph: CATALOG)
      inStock: Int @join__field(graph: STOCK)
      reviews: [Review!] @join__field(graph: REVIEWS)
      similar: [Product] @join__field(graph: CATALOG)
      box: Box @join__field(graph: CATALOG)
    }

    type Book implements Product & Node
      @join__implements(graph: CATALOG, interface: "Product")
      @join__implements(graph: STOCK, interface: "Product")
      @join__implements(graph: REVIEWS, interface: "Product")
      @join__implements(graph: CATALOG, interface: "Node")
      @join__type(graph: CATALOG, key: "id")
      @join__type(graph: STOCK, key: "id")
      @join__type(graph: REVIEWS, key: "id")
    {
      id: ID!
      title: String @join__field(graph: CATALOG)
      pages: Int! @join__field(graph: CATALOG)
      price(currency: String = "BRL"): Int @join__field(graph: CATALOG) @join__field(graph: STOCK, external: true)
      box: Box @join__field(graph: CATALOG) @join__field(graph: STOCK, external: true)
      inStock: Int @join__field(graph: STOCK)
      shelf: String! @join__field(graph: STOCK)
      shipping: Int
        @join__field(graph: STOCK, requires: "price(currency: \\"USD\\") box { weight size }")
      similar: [Product] @join__field(graph: CATALOG)
      reviews: [Review!] @join__field(graph: REVIEWS)
      author: User @join__field(graph: REVIEWS, provides: "name")
    }

    type Toy implements Product
      @join__implements(graph: CATALOG, interface: "Product")
      @join__implements(graph: STOCK, interface: "Product")
      @join__implements(graph: REVIEWS, interface: "Product")
      @join__type(graph: CATALOG, key: "id")
      @join__type(graph: CATALOG, key: "sku { code maker }")
      @join__type(graph: STOCK, key: "sku { code maker }")
      @join__type(graph: REVIEWS, key: "id")
    {
      id: ID! @join__field(graph: CATALOG) @join__field(graph: STOCK) @join__field(graph: REVIEWS)
      sku: Sku! @join__field(graph: CATALOG) @join__field(graph: STOCK)
      title: String @join__field(graph: CATALOG, type: "String!")
      price(currency: String = "BRL"): Int @join__field(graph: CATALOG)
      box: Box @join__field(graph: CATALOG)
      inStock: Int @join__field(graph: STOCK)
      minAge: Int @join__field(graph: STOCK)
      similar: [Product] @join__field(graph: CATALOG, type: "[Product]!")
      reviews: [Review!] @join__field(graph: REVIEWS)
    }

    type Sku @join__type(graph: CATALOG) @join__type(graph: STOCK) { code: String! maker: String! }

    type Box @join__type(graph: CATALOG) @join__type(graph: STOCK) {
      weight: Int
      size: Size
      label: String @join__field(graph: CATALOG)
    }

    type Review implements Node
      @join__implements(graph: REVIEWS, interface: "Node")
      @join__type(graph: REVIEWS, key: "id")
    {
      id: ID!
      stars: Int!
      body: String
      product: Product
      author: User!
      subject: Subject
    }

    union Subject
      @join__type(graph: REVIEWS)
      @join__unionMember(graph: REVIEWS, member: "Book")
      @join__unionMember(graph: REVIEWS, member: "User")
      = Book | User

    type User
      @join__type(graph: ACCOUNTS, key: "id")
      @join__type(graph: REVIEWS, key: "id")
    {
      id: ID!
      name: String @join__field(graph: ACCOUNTS) @join__field(graph: REVIEWS, external: true)
      email: String! @join__field(graph: ACCOUNTS)
      friends: [User!]! @join__field(graph: ACCOUNTS)
      matrix: [[Int]] @join__field(graph: ACCOUNTS)
      reviews(first: Int! = 2): [Review] @join__field(graph: REVIEWS)
      greeting: String @join__field(graph: REVIEWS, requires: "name")
    }

    type Query
      @join__type(graph: CATALOG)
      @join__type(graph: STOCK)
      @join__type(graph: REVIEWS)
      @join__type(graph: ACCOUNTS)
    {
      products: [Product!]! @join__field(graph: CATALOG)
      book(id: ID): Book @join__field(graph: CATALOG) @join__field(graph: STOCK)
      me: User @join__field(graph: ACCOUNTS)
      latest: [Review] @join__field(graph: REVIEWS)
      subjects: [Subject] @join__field(graph: REVIEWS)
      node: Node @join__field(graph: CATALOG)
    }
    """,
)


def make_store() -> dict[str, Any]:
    """Fresh data; every object occurs once and is referred to from many places."""
    users: list[dict[str, Any]] = [
        {
            "__typename": "User",
            "id": f"u{number}",
            "name": name,
            "email": f"{name}@example.test",
            "matrix": [[1, None], None, [number]],
            "greeting": f"Olá, {name}",
        }
        for number, name in enumerate(["ana", "bia", "caio"])
    ]
    users.append({**users[0], "id": "u3", "name": None, "greeting": "Olá"})
    products: list[dict[str, Any]] = []
    for number in range(5):
        common = {
            "id": f"p{number}",
            "title": f"título {number}" if number else None,
            "price": _price(number * 100),
            "box": {
                "__typename": "Box",
                "weight": number,
                "size": ["SMALL", "LARGE"][number % 2],
                "label": f"b{number}",
            },
            "inStock": number * 7,
        }
        if number % 2:
            sku = {"__typename": "Sku", "code": f"c{number}", "maker": "acme"}
            products.append({"__typename": "Toy", **common, "sku": sku, "minAge": number})
        else:
            products.append(
                {"__typename": "Book", **common, "pages": 100 + number, "shipping": number * 3, "shelf": f"s{number}"}
            )
    reviews = [
        {
            "__typename": "Review",
            "id": f"r{number}",
            "stars": number % 5,
            "body": None if number == 2 else f"nota {number}",
            "product": products[number % 5],
            "author": users[number % 4],
            "subject": products[0] if number % 2 else users[1],
        }
        for number in range(6)
    ]
    for number, product in enumerate(products):
        product["similar"] = [products[(number + 1) % 5], None, products[(number + 2) % 5]]
        product["reviews"] = [review for review in reviews if review["product"] is product]
        if product["__typename"] == "Book":
            product["author"] = users[number % 3]
    products[4]["box"] = None
    products[4]["similar"] = None
    for number, user in enumerate(users):
        user["friends"] = [users[(number + 1) % 4], users[(number + 2) % 4]]
        user["reviews"] = _first([review for review in reviews if review["author"] is user])
    root = {
        "products": products,
        "book": products[2],
        "me": users[0],
        "latest": [reviews[0], None, reviews[3], reviews[2]],
        "subjects": [users[1], products[0], None, products[4]],
        "node": products[0],
    }
    root["book"] = lambda id=None: next((p for p in products if p["id"] == id), products[2])  # noqa: A006
    return {"Query": root, "objects": [*users, *products, *reviews]}


def _price(amount: int) -> Any:
    return lambda currency="BRL": amount // 5 if currency == "USD" else amount


def _first(items: list[Any]) -> Any:
    return lambda first=2: items[:first]
