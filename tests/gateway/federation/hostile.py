"""What somebody sends who wants the gateway to be busy: documents, and whole request bodies."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import gateway
from gateway.federation import Engine, EngineSettings, InProcessTransport, SubgraphRequest
from gateway.http import Caller, GraphQLDoor

SDL = (Path(gateway.__file__).parent / "supergraph.graphql").read_text(encoding="utf-8")
COMPLEX, INVALID, SYNTAX = "OPERATION_TOO_COMPLEX", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"
_IDS = " ".join(f'"{number}"' for number in range(12))
_PRODUCTS = f"products(where: {{ids: [{_IDS}]}}) {{ pageInfo {{ endCursor }} }} "


def _many(pattern: str, count: int) -> str:
    """`pattern` `count` times, its `#` being the number and `##` the next one."""
    return " ".join(pattern.replace("##", str(n + 1)).replace("#", str(n)) for n in range(count))


def _event(selections: str) -> str:
    return "{ events { edges { node { " + selections + " } } } }"


# Document and the code of its refusal.
DOCUMENTS: dict[str, tuple[str, str]] = {
    "fragment bomb": (
        "{ ...F0 } " + _many("fragment F# on Query { ...F## ...F## }", 40) + " fragment F40 on Query { __typename }",
        COMPLEX,
    ),
    "fragment chain": (
        "{ ...F0 } " + _many("fragment F# on Query { ...F## }", 400) + " fragment F400 on Query { __typename }",
        COMPLEX,
    ),
    "fragment diamond": (
        "{ ...F0 } "
        + " ".join(
            f"fragment F{n} on Query {{ {' '.join(f'...F{m}' for m in range(n + 1, min(n + 6, 40)))} __typename }}"
            for n in range(40)
        ),
        COMPLEX,
    ),
    "cyclic fragments": ("{ ...F0 } " + _many("fragment F# on Query { ...F## }", 20).replace("F20 ", "F0 "), INVALID),
    "unused cyclic fragment": ("{ __typename } fragment F on Query { ...F }", INVALID),
    "1,000 aliases": (_event(_many("a#: id", 1_000)), COMPLEX),
    "10,000 directives": ("{ __typename " + "@skip(if: false) " * 10_000 + "}", COMPLEX),
    "1,900 short directives": ("{ __typename " + "@a " * 1_900 + "}", COMPLEX),
    "21 deferred fragments": (_event(_many("... @defer { a#: id }", 21)), COMPLEX),
    "deferred fragments in fragments": (
        _event("...A ...A ...A") + " fragment A on Event { " + _many("... @defer { b#: id }", 9) + " }",
        COMPLEX,
    ),
    "depth of 500": ("{ event " * 500 + "{ id }" + " }" * 500, COMPLEX),
    "nested lists": ("{ nodes(ids: " + "[" * 30_000 + "]" * 30_000 + ") { id } }", COMPLEX),
    "nested input objects": (
        "{ events(where: " + "{a: " * 5_000 + "1" + "}" * 5_000 + ") { edges { cursor } } }",
        COMPLEX,
    ),
    "5 MB document": ("{ __typename } #" + "x" * 5_000_000, COMPLEX),
    "20,000 tokens": ("{ " + "a " * 20_000 + "}", COMPLEX),
    "as many tokens as are allowed": (_event("id " * 3_989), COMPLEX),
    "one token too many": (_event("id " * 3_990), COMPLEX),
    "same field 1,500 times": (_event("id " * 1_500), COMPLEX),
    "same field with arguments": (_event("combos(first: 1) { id } " * 170), COMPLEX),
    "same field with large arguments": (
        "{ ...A ...B ...C } " + " ".join(f"fragment {name} on Query {{ {_PRODUCTS * 45} }}" for name in "ABC"),
        COMPLEX,
    ),
    "same field in unused fragments": ("{ __typename } fragment F on Query { " + _PRODUCTS * 130 + "}", COMPLEX),
    "conflicting fields": (_event(_many("combos(first: #) { id }", 170)), COMPLEX),
    "many operations": (
        _many("query Q# { ...F }", 500) + " fragment F on Query { " + "__typename " * 60 + "}",
        COMPLEX,
    ),
    "many large operations": (
        _many("query Q# { ...F }", 300) + " fragment F on Event { " + _many("a#: id", 100) + " }",
        COMPLEX,
    ),
    "990 nameless operations": ("{ __typename } " * 990, INVALID),
    "900 variables": ("query (" + _many("$v#: Int", 900) + ") { __typename }", INVALID),
    "the same variable 900 times": ("query (" + "$v: Int " * 900 + ") { __typename }", INVALID),
    "1,200 unknown arguments": ("{ event(" + _many("id#: 1", 1_200) + ") { id } }", INVALID),
    "1,980 unknown fields": (_event(_many("nam#", 1_980)), INVALID),
    "unknown fields with long names": ("{ " + _many("a#" + "x" * 1_000, 55) + " }", INVALID),
    "a number of 60,000 digits": ("{ events(first: " + "9" * 60_000 + ") { edges { cursor } } }", INVALID),
    "an open block string": ('{ event(id: """' + '\\"""' * 16_000, SYNTAX),
    "20,000 open strings": ("{ event(id: " + '"a\n' * 20_000, COMPLEX),
}


@dataclass(frozen=True)
class Body:
    """A request body in pieces, made as they are read so that its own size is not counted as the gateway's."""

    pieces: Iterable[bytes]
    status: int
    code: str
    length: int | None = None


class _Repeated:
    def __init__(self, piece: bytes, count: int) -> None:
        self._piece, self._count = piece, count

    def __iter__(self) -> Any:
        return iter(self._piece for _ in range(self._count))


def _variables(variables: bytes, query: str = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }") -> list[bytes]:
    return [b'{"query":' + msgspec.json.encode(query) + b',"variables":' + variables + b"}"]


BODIES: dict[str, Body] = {
    "5 MB body": Body(_Repeated(b"x" * 65_536, 80), 413, "PAYLOAD_TOO_LARGE", 80 * 65_536),
    "5 MB body of unknown length": Body(_Repeated(b"x" * 65_536, 80), 413, "PAYLOAD_TOO_LARGE"),
    "deep JSON": Body([b"[" * 120_000 + b"]" * 120_000], 400, "BAD_REQUEST"),
    "deep JSON objects": Body([b'{"a":' * 40_000], 400, "BAD_REQUEST"),
    "deep variables": Body(_variables(b'{"ids":' + b"[" * 120_000 + b"]" * 120_000 + b"}"), 400, "BAD_REQUEST"),
    "variables 900 deep": Body(_variables(b'{"ids":' + b"[" * 900 + b"]" * 900 + b"}"), 400, "BAD_USER_INPUT"),
    "60,000 faulty variables": Body(_variables(b'{"ids":[' + b"1.5," * 60_000 + b"1.5]}"), 400, "BAD_USER_INPUT"),
    "a variable of 200,000 digits": Body(_variables(b'{"ids":[' + b"9" * 200_000 + b"]}"), 400, "BAD_REQUEST"),
    "20,000 unknown input fields": Body(
        _variables(
            b'{"w":{' + ",".join(f'"a{n}":1' for n in range(20_000)).encode() + b"}}",
            "query ($w: EventFilter) { events(where: $w) { edges { cursor } } }",
        ),
        400,
        "BAD_USER_INPUT",
    ),
    "5,000 operations in a batch": Body([b"[" + b'{"query":"{ __typename }"},' * 5_000 + b"1]"], 400, "BAD_REQUEST"),
}


def make_engine(settings: EngineSettings | None = None) -> Engine:
    """The platform's supergraph; no subgraph is to be asked anything."""

    async def refuse(request: SubgraphRequest) -> bytes:
        raise AssertionError(request.query)

    services = ("ticketing", "concessions", "customers", "payments", "notifications", "suggestions", "experience")
    transports = {service: InProcessTransport(refuse) for service in services}
    return Engine(SDL, transports=transports, settings=settings)


async def _nobody(_: str | None) -> Caller:
    return Caller()


async def post(engine: Engine, body: Body) -> tuple[int, bytes]:
    """Status and body of the door's answer, without a server between."""
    door = GraphQLDoor(engine, _nobody)
    headers = [(b"content-type", b"application/json"), (b"accept", b"application/graphql-response+json")]
    if body.length is not None:
        headers.append((b"content-length", str(body.length).encode()))
    scope = {"type": "http", "method": "POST", "query_string": b"", "headers": headers}
    arriving = _messages(body.pieces)
    sent: list[Any] = []

    async def receive() -> Any:
        return await anext(arriving)

    async def send(message: Any) -> None:
        sent.append(message)

    await door(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def _messages(pieces: Iterable[bytes]) -> AsyncIterator[dict[str, Any]]:
    for piece in pieces:
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}
