"""What is asked of the gateways: two operations, each with a variable that no two requests share."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

SCHEMAS: Final = Path(__file__).parent / "schemas"

# A tag has this form wherever it occurs, so that subgraphs can take it out of a body again.
TAG: Final = re.compile(rb"tag-[0-9]{12}")


def tag(number: int) -> str:
    """The `number`-th value of `$tag`. All are of one length."""
    return f"tag-{number:012}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on the supergraph of its name."""

    name: str
    title: str
    query: str

    @property
    def supergraph(self) -> Path:
        return SCHEMAS / f"{self.name}.graphql"

    def sdl(self, subgraphs: str) -> str:
        """The supergraph, its subgraphs being at the base address `subgraphs`."""
        return re.sub(r'url: "http://(\w+)/graphql"', rf'url: "{subgraphs}/\1"', self.supergraph.read_text("utf-8"))

    def body(self, number: int) -> bytes:
        """A request's body."""
        return msgspec.json.encode({"query": self.query, "variables": {"tag": tag(number)}})


CATALOGUE: Final = Operation(
    "catalogue",
    "Catalogue page",
    "query Catalogue($tag: String) { events(tag: $tag) { id name venue { name city }"
    " sessions { id startsAt priceCents available } combos { id name priceCents } popularity } }",
)

# The query of the public gateway benchmark, but for its variable.
HEAVY: Final = Operation(
    "heavy",
    "Heavy nested query",
    "fragment User on User { id username name } fragment Review on Review { id body }"
    " fragment Product on Product { inStock name price shippingEstimate upc weight }"
    " query TestQuery($tag: String) {"
    " users(tag: $tag) { ...User reviews { ...Review product { ...Product reviews { ...Review author { ...User"
    " reviews { ...Review product { ...Product } } } } } } }"
    " topProducts(tag: $tag) { ...Product reviews { ...Review author { ...User"
    " reviews { ...Review product { ...Product } } } } } }",
)

OPERATIONS: Final = {operation.name: operation for operation in (CATALOGUE, HEAVY)}
