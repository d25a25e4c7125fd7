"""Both operations as plans compiled by hand: the bound for what the engine compiles by itself.

Structs that pass untouched fields through as raw JSON, copies of one entity filled together, one encoding at the end.
No validation, no limits, no nulls, no errors, no timeouts. uvicorn imports `app`; the environment names the operation
and where the subgraphs are.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
from msgspec import Raw, Struct, field
from msgspec.json import Decoder, Encoder

_encode: Final = Encoder().encode
_NULL: Final = Raw(b"null")


class Variables(Struct):
    tag: str | None = None


class Request(Struct):
    query: str
    variables: Variables


_read_request: Final = Decoder(Request).decode


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[bytes]
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        parts, self._parts = self._parts, []
        self._parser = httptools.HttpResponseParser(self)
        self._answered.set_result(parts[0] if len(parts) == 1 else b"".join(parts))

    def send(self, message: bytes) -> "asyncio.Future[bytes]":
        self._answered = asyncio.get_running_loop().create_future()
        self._write(message)
        return self._answered


class Upstream:
    """The subgraphs' server with its idle connections."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[Connection] = []

    async def fetch(self, path: bytes, body: bytes) -> bytes:
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, self._host, self._port)
        head = b"POST /%b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        answer = await connection.send(head % (path, len(body)) + body)
        self._idle.append(connection)
        return answer


def _prefix(query: str, variable: str) -> bytes:
    """A request's body up to the value of its only variable."""
    return _encode({"query": query})[:-1] + b',"variables":{"' + variable.encode() + b'":'


# -- the catalogue page -------------------------------------------------------------------------------------------


class EventKey(Struct, gc=False):
    typename: str = field(name="__typename")
    id: str


class TicketingEvent(EventKey, gc=False):
    name: Raw
    venue: Raw
    sessions: Raw


class TicketingData(Struct):
    events: list[TicketingEvent]


class TicketingAnswer(Struct):
    data: TicketingData


class EventCombos(Struct, gc=False):
    combos: Raw


class EventPopularity(Struct, gc=False):
    popularity: Raw


class CombosData(Struct):
    entities: list[EventCombos] = field(name="_entities")


class CombosAnswer(Struct):
    data: CombosData


class PopularityData(Struct):
    entities: list[EventPopularity] = field(name="_entities")


class PopularityAnswer(Struct):
    data: PopularityData


class PageEvent(Struct, gc=False):
    id: str
    name: Raw
    venue: Raw
    sessions: Raw
    combos: Raw
    popularity: Raw


class PageData(Struct):
    events: list[PageEvent]


class Page(Struct):
    data: PageData


_read_ticketing: Final = Decoder(TicketingAnswer).decode
_read_combos: Final = Decoder(CombosAnswer).decode
_read_popularity: Final = Decoder(PopularityAnswer).decode
_EVENTS: Final = _prefix(
    "query($tag:String){events(tag:$tag){__typename id name venue{name city}"
    "sessions{id startsAt priceCents available}}}",
    "tag",
)
_ENTITIES: Final = "query($r:[_Any!]!){_entities(representations:$r){...on %s{%s}}}"
_COMBOS: Final = _prefix(_ENTITIES % ("Event", "combos{id name priceCents}"), "r")
_POPULARITY: Final = _prefix(_ENTITIES % ("Event", "popularity"), "r")


async def catalogue(upstream: Upstream, tag: str | None) -> bytes:
    """The catalogue page's answer."""
    events = _read_ticketing(await upstream.fetch(b"ticketing", _EVENTS + _encode(tag) + b"}}")).data.events
    keys = _encode([EventKey(event.typename, event.id) for event in events]) + b"}}"
    combos, popularities = await asyncio.gather(
        upstream.fetch(b"concessions", _COMBOS + keys), upstream.fetch(b"suggestions", _POPULARITY + keys)
    )
    rows = zip(events, _read_combos(combos).data.entities, _read_popularity(popularities).data.entities, strict=True)
    page = [PageEvent(e.id, e.name, e.venue, e.sessions, c.combos, p.popularity) for e, c, p in rows]
    return _encode(Page(PageData(page)))


# -- the heavy nested query ---------------------------------------------------------------------------------------


class Leaf(Struct, gc=False):
    """A product; fields are in the order of the answer."""

    inStock: Raw = _NULL  # noqa: N815
    name: Raw = _NULL
    price: Raw = _NULL
    shippingEstimate: Raw = _NULL  # noqa: N815
    upc: str = ""
    weight: Raw = _NULL


class LeafReview(Struct, gc=False):
    id: Raw
    body: Raw
    product: Leaf


class Author(Struct, gc=False):
    id: str
    username: Raw
    name: Raw = _NULL
    reviews: list[LeafReview] = []


class ProductReview(Struct, gc=False):
    id: Raw
    body: Raw
    author: Author


class Reviewed(Struct, gc=False):
    inStock: Raw = _NULL  # noqa: N815
    name: Raw = _NULL
    price: Raw = _NULL
    shippingEstimate: Raw = _NULL  # noqa: N815
    upc: str = ""
    weight: Raw = _NULL
    reviews: list[ProductReview] = []


class UserReview(Struct, gc=False):
    id: Raw
    body: Raw
    product: Reviewed


class Reader(Struct, gc=False):
    id: str
    username: Raw
    name: Raw
    reviews: list[UserReview] = []


class AccountsData(Struct):
    users: list[Reader]


class AccountsAnswer(Struct):
    data: AccountsData


class ProductsData(Struct):
    top: list[Reviewed] = field(name="topProducts")


class ProductsAnswer(Struct):
    data: ProductsData


class UserReviews(Struct, gc=False):
    reviews: list[UserReview]


class ProductReviews(Struct, gc=False):
    reviews: list[ProductReview]


class ReviewsData(Struct):
    u: list[UserReviews]
    p: list[ProductReviews]


class ReviewsAnswer(Struct):
    data: ReviewsData


class Details(Struct, gc=False):
    name: Raw
    price: Raw
    weight: Raw


class DetailsData(Struct):
    entities: list[Details] = field(name="_entities")


class DetailsAnswer(Struct):
    data: DetailsData


class Name(Struct, gc=False):
    name: Raw


class NamesData(Struct):
    entities: list[Name] = field(name="_entities")


class NamesAnswer(Struct):
    data: NamesData


class Stock(Struct, gc=False):
    inStock: Raw  # noqa: N815
    shippingEstimate: Raw  # noqa: N815


class StockData(Struct):
    entities: list[Stock] = field(name="_entities")


class StockAnswer(Struct):
    data: StockData


class UserKey(Struct, gc=False, tag_field="__typename", tag="User"):
    id: str


class ProductKey(Struct, gc=False, tag_field="__typename", tag="Product"):
    upc: str


class PricedKey(Struct, gc=False, tag_field="__typename", tag="Product"):
    upc: str
    price: Raw
    weight: Raw


class HeavyData(Struct):
    users: list[Reader]
    top: list[Reviewed] = field(name="topProducts")


class HeavyAnswer(Struct):
    data: HeavyData


_read_accounts: Final = Decoder(AccountsAnswer).decode
_read_products: Final = Decoder(ProductsAnswer).decode
_read_reviews: Final = Decoder(ReviewsAnswer).decode
_read_details: Final = Decoder(DetailsAnswer).decode
_read_names: Final = Decoder(NamesAnswer).decode
_read_stock: Final = Decoder(StockAnswer).decode
_DEEP: Final = "reviews{id body author{id username reviews{id body product{upc}}}}"
_USERS: Final = _prefix("query($tag:String){users(tag:$tag){id username name}}", "tag")
_TOP: Final = _prefix("query($tag:String){topProducts(tag:$tag){upc name price weight}}", "tag")
_REVIEWS: Final = _prefix(
    "query($u:[_Any!]!$p:[_Any!]!){u:_entities(representations:$u){...on User{reviews{id body product{upc "
    + _DEEP
    + "}}}}p:_entities(representations:$p){...on Product{"
    + _DEEP
    + "}}}",
    "u",
)
_DETAILS: Final = _prefix(_ENTITIES % ("Product", "name price weight"), "r")
_NAMES: Final = _prefix(_ENTITIES % ("User", "name"), "r")
_STOCK: Final = _prefix(_ENTITIES % ("Product", "inStock shippingEstimate"), "r")


async def heavy(upstream: Upstream, tag: str | None) -> bytes:
    """The heavy query's answer: seven fetches in four rounds."""
    fetch = upstream.fetch
    tagged = _encode(tag) + b"}}"
    accounts, products = await asyncio.gather(fetch(b"accounts", _USERS + tagged), fetch(b"products", _TOP + tagged))
    users, top = _read_accounts(accounts).data.users, _read_products(products).data.top
    keys = _encode([UserKey(user.id) for user in users]) + b',"p":' + _encode([ProductKey(one.upc) for one in top])
    priced = _encode([PricedKey(one.upc, one.price, one.weight) for one in top])
    reviews, stock = await asyncio.gather(
        fetch(b"reviews", _REVIEWS + keys + b"}}"), fetch(b"inventory", _STOCK + priced + b"}}")
    )
    for one, known in zip(top, _read_stock(stock).data.entities, strict=True):
        one.inStock, one.shippingEstimate = known.inStock, known.shippingEstimate
    found = _read_reviews(reviews).data
    leaves: dict[str, list[Leaf | Reviewed]] = defaultdict(list)
    authors: dict[str, list[Author]] = defaultdict(list)
    for user, answer in zip(users, found.u, strict=True):
        user.reviews = answer.reviews
        for review in answer.reviews:
            leaves[review.product.upc].append(review.product)
            _collect(review.product.reviews, leaves, authors)
    for one, more in zip(top, found.p, strict=True):
        one.reviews = more.reviews
        _collect(more.reviews, leaves, authors)
    details, names = await asyncio.gather(
        fetch(b"products", _DETAILS + _encode([ProductKey(upc) for upc in leaves]) + b"}}"),
        fetch(b"accounts", _NAMES + _encode([UserKey(key) for key in authors]) + b"}}"),
    )
    for same, named in zip(authors.values(), _read_names(names).data.entities, strict=True):
        for author in same:
            author.name = named.name
    described = _read_details(details).data.entities
    priced = _encode([PricedKey(upc, one.price, one.weight) for upc, one in zip(leaves, described, strict=True)])
    stocked = _read_stock(await fetch(b"inventory", _STOCK + priced + b"}}")).data.entities
    for copies, detail, known in zip(leaves.values(), described, stocked, strict=True):
        for leaf in copies:
            leaf.name, leaf.price, leaf.weight = detail.name, detail.price, detail.weight
            leaf.inStock, leaf.shippingEstimate = known.inStock, known.shippingEstimate
    return _encode(HeavyAnswer(HeavyData(users, top)))


def _collect(
    reviews: Iterable[ProductReview], leaves: dict[str, list[Leaf | Reviewed]], authors: dict[str, list[Author]]
) -> None:
    for review in reviews:
        author = review.author
        authors[author.id].append(author)
        for inner in author.reviews:
            leaves[inner.product.upc].append(inner.product)


# -- the front door -----------------------------------------------------------------------------------------------

Answer = Callable[[Upstream, str | None], Awaitable[bytes]]
_ANSWERS: Final[dict[str, Answer]] = {"catalogue": catalogue, "heavy": heavy}


def make_app(operation: str, subgraphs: str) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An ASGI application that answers one operation only."""
    answer, upstream = _ANSWERS[operation], Upstream(subgraphs)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        out = await answer(upstream, _read_request(body).variables.tag)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(out))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": out})

    return app


if "BENCH_OPERATION" in os.environ:
    app = make_app(os.environ["BENCH_OPERATION"], os.environ["BENCH_SUBGRAPHS"])
