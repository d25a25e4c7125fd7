"""Every subgraph of both supergraphs in one process: real answers, each computed once and then given as bytes.

An answer is kept under the path and the request's body without its tag, on which no answer depends. What a gateway
asks for the first time is executed by graphql-core. Three more paths serve the benchmark itself: `/capture/on` starts
to note requests (and slows answers, so that the rounds can be told apart), `/capture/off` gives what was noted, and
`/failures` counts the answers with errors.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httptools
import msgspec
import uvloop
from graphql import ExecutionResult, GraphQLSchema, build_schema, execute_sync, parse

from benchmarks.gateway.operations import SCHEMAS, TAG

_SLOW: Final = 0.1
_Record = dict[str, Any]

# -- data ---------------------------------------------------------------------------------------------------------

_EVENTS: Final[list[_Record]] = [
    {
        "__typename": "Event",
        "id": f"event-{event:04}",
        "name": f"An evening with the {event}th orchestra",
        "venue": {"name": f"Theatre number {event % 5}", "city": "São Paulo"},
        "sessions": [
            {
                "id": f"session-{event:04}-{session}",
                "startsAt": f"2026-03-{event + 1:02}T{18 + session}:00:00-03:00",
                "priceCents": 4500 + 500 * session,
                "available": 120 - event - session,
            }
            for session in range(3)
        ],
        "combos": [
            {"id": f"combo-{combo}", "name": f"Popcorn and drink, size {combo}", "priceCents": 1900 + 600 * combo}
            for combo in range(3)
        ],
        "popularity": round(1 / (event + 1), 4),
    }
    for event in range(20)
]

_BODY_LENGTHS: Final = (430, 300, 280, 150, 430, 300, 280, 150, 150, 150, 850)
_REVIEWED: Final = (1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 4)
_PRICES: Final = (899, 1299, 15, 499, 1299, 1, 2, 3, 4)
_WEIGHTS: Final = (100, 1000, 20, 100, 1000, 1, 2, 3, 4)

_USERS: Final[list[_Record]] = [
    {"__typename": "User", "id": str(user), "name": f"User {user}", "username": f"user{user}"} for user in range(1, 7)
]
_PRODUCTS: Final[list[_Record]] = [
    {"__typename": "Product", "upc": str(upc), "name": f"Product {upc}", "price": price, "weight": weight}
    for upc, (price, weight) in enumerate(zip(_PRICES, _WEIGHTS, strict=True), start=1)
]
_REVIEWS: Final[list[_Record]] = [
    {
        "__typename": "Review",
        "id": str(review),
        "body": ("word " * (length // 5)).strip(),
        "product": {"__typename": "Product", "upc": str(upc)},
        "author": {"__typename": "User", "id": "1", "username": "user1"},
    }
    for review, (length, upc) in enumerate(zip(_BODY_LENGTHS, _REVIEWED, strict=True), start=1)
]


def _find(records: list[_Record], key: str) -> Callable[[_Record], _Record | None]:
    found = {record[key]: record for record in records}
    return lambda representation: found.get(representation[key])


def _stock(representation: _Record) -> _Record:
    price, weight = representation.get("price"), representation.get("weight")
    known = price is not None and weight is not None
    shipping = (0 if price > 1000 else weight // 2) if known else None
    return {**representation, "inStock": int(representation["upc"]) % 2 == 1, "shippingEstimate": shipping}


def _reviewed(representation: _Record) -> _Record:
    return {
        **representation,
        "reviews": [review for review in _REVIEWS if review["product"]["upc"] == representation["upc"]],
    }


def _reviewer(representation: _Record) -> _Record:
    return {**representation, "reviews": _REVIEWS[:2]}


def _opened(record: _Record) -> _Record:
    """A review whose product and author have their reviews: as deep as the operation goes."""
    return {**record, "product": _Lazy(_reviewed, record["product"]), "author": _Lazy(_reviewer, record["author"])}


class _Lazy(dict[str, Any]):
    """An object of `reviews` whose own reviews are made when they are read."""

    def __init__(self, expand: Callable[[_Record], _Record], record: _Record) -> None:
        super().__init__(record)
        self["reviews"] = lambda _info: [_opened(review) for review in expand(record)["reviews"]]


def _entity(expand: Callable[[_Record], _Record]) -> Callable[[_Record], _Record]:
    return lambda representation: _Lazy(expand, representation)


# By subgraph: what its root fields give, and how its entities are found.
_ROOTS: Final[dict[str, _Record]] = {
    "ticketing": {"events": lambda _info, tag=None: _EVENTS},
    "accounts": {
        "users": lambda _info, tag=None: _USERS,
        "me": _USERS[0],
        "user": lambda _info, **by: _USERS[int(by["id"]) - 1],
    },
    "products": {"topProducts": lambda _info, first=5, tag=None: _PRODUCTS[:first]},
}
_ENTITIES: Final[dict[str, dict[str, Callable[[_Record], _Record | None]]]] = {
    "ticketing": {"Event": _find(_EVENTS, "id")},
    "concessions": {"Event": _find(_EVENTS, "id")},
    "suggestions": {"Event": _find(_EVENTS, "id")},
    "accounts": {"User": _find(_USERS, "id")},
    "products": {"Product": _find(_PRODUCTS, "upc")},
    "inventory": {"Product": _stock},
    "reviews": {
        "User": _entity(_reviewer),
        "Product": _entity(_reviewed),
        "Review": lambda representation: _opened(_REVIEWS[int(representation["id"]) - 1]),
    },
}

# -- execution ----------------------------------------------------------------------------------------------------


def _schema_of(file: Path) -> GraphQLSchema:
    sdl = file.read_text("utf-8")
    types = " | ".join(_ENTITIES[file.stem])
    extends = "extend " if "type Query" in sdl else ""
    sdl += f"\nscalar _Any\nunion _Entity = {types}\n"
    sdl += f"{extends}type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}\n"
    return build_schema(sdl, assume_valid=True, assume_valid_sdl=True)


class Subgraph:
    """One subgraph, executed by graphql-core."""

    def __init__(self, file: Path) -> None:
        self.name = file.stem
        self._schema = _schema_of(file)

    def execute(self, body: bytes) -> tuple[bytes, bool]:
        """The answer's bytes, and whether it has errors."""
        request = msgspec.json.decode(body)
        result = execute_sync(
            self._schema,
            parse(request["query"]),
            root_value={**_ROOTS.get(self.name, {}), "_entities": self._entities},
            variable_values=request.get("variables"),
            operation_name=request.get("operationName"),
        )
        assert isinstance(result, ExecutionResult)
        return msgspec.json.encode(result.formatted), bool(result.errors)

    def _entities(self, _info: Any, representations: list[_Record]) -> list[_Record | None]:
        found: list[_Record | None] = []
        for representation in representations:
            typename = representation["__typename"]
            record = _ENTITIES[self.name][typename](representation)
            if record is not None:
                record["__typename"] = typename
            found.append(record)
        return found


# -- the server ---------------------------------------------------------------------------------------------------


class Server:
    """Answers kept, and what is noted while capturing."""

    def __init__(self) -> None:
        self._subgraphs = {file.stem: Subgraph(file) for file in sorted(SCHEMAS.glob("*/*.graphql"))}
        self.answers: dict[tuple[bytes, bytes], bytes] = {}
        self.captured: list[dict[str, Any]] | None = None
        self.failures = 0
        self._began = 0.0

    def answer(self, path: bytes, body: bytes) -> bytes:
        """The whole HTTP response."""
        key = (path, TAG.sub(b"", body))
        known = self.answers.get(key)
        if known is None:
            known = self.answers[key] = self._first(path, body)
        return known

    def note(self, path: bytes, body: bytes) -> None:
        """Remember a request with its round, being counted in slow answers since the first."""
        assert self.captured is not None
        now = time.perf_counter()
        if not self.captured:
            self._began = now
        number = 1 + int((now - self._began) / _SLOW)
        self.captured.append({"round": number, "path": path.decode(), "body": body.decode()})

    def _first(self, path: bytes, body: bytes) -> bytes:
        subgraph = self._subgraphs.get(path.decode()[1:])
        if subgraph is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        out, failed = subgraph.execute(body)
        self.failures += failed
        return _response(out)


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path, self._body = url, b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        server, path = self._server, self._path
        if path.startswith((b"/capture/", b"/failures")):
            self._transport.write(_response(self._control(path)))
        elif server.captured is None:
            self._transport.write(server.answer(path, self._body))
        else:
            server.note(path, self._body)
            asyncio.get_running_loop().call_later(_SLOW, self._transport.write, server.answer(path, self._body))

    def _control(self, path: bytes) -> bytes:
        server = self._server
        if path == b"/capture/on":
            server.captured = []
            return b"{}"
        if path == b"/capture/off":
            captured, server.captured = server.captured or [], None
            return msgspec.json.encode(captured)
        return msgspec.json.encode({"failures": server.failures})


async def _serve(port: int) -> None:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", port)
    await listening.serve_forever()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(arguments.parse_args().port))


if __name__ == "__main__":
    main()
