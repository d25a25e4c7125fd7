"""Hostile values for every argument that a subgraph's SDL has, one at a time, as variables and as literals.

Whatever a client writes into an argument, a subgraph answers with data, a typed refusal, or an error of the client's:
never with an error of its own.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
)

Send = Callable[[str, str], Awaitable[httpx.Response]]
"""(JSON body, caller) → the service's answer."""

SOME_ID = "00000000-0000-4000-8000-000000000001"
CLIENTS_FAULTS = {"BAD_USER_INPUT", "FORBIDDEN", "NOT_FOUND", "DOCUMENT_TOO_LARGE"}


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


TEXTS = (
    *("", " ", "a\0b", "a\udfffb", "🎟" * 50, "x" * 10_000, "%", "\\", "\u202e"),
    *("31/12/1990", "1990-02-30", "0001-01-01", "9999-12-31", "10000-01-01", "２０００-01-01"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    *("2026-01-01T00:00:00", "2026-01-01T24:00:00Z", "10000-01-01T00:00:00Z"),
    *(cursor(2**31), cursor(2**70), cursor(2**31 - 1), cursor(None), cursor(), cursor(2**31, SOME_ID)),
    *(cursor("0001-01-01T00:00:00+14:00", SOME_ID), cursor("2026-01-01T00:00:00", SOME_ID), "[", "é"),
    *(f"urn:uuid:{SOME_ID}", base64.b64encode(f"Event:{SOME_ID}".encode()).decode()),
)
OTHERS = (0, -1, 2**31 - 1, -(2**31), 2**31, 2**70, 10**400, 1.5, True, None, [], {}, [[]])


@dataclass
class Target:
    """``callers`` by field name, ``gateway`` for the others; ``known`` values by argument name, to get past the door.

    ``entities``: representations of what exists, so that fields with arguments below the root are asked for as well.
    """

    sdl: str
    callers: dict[str, str] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)


async def attack(target: Target, send: Send) -> int:
    """How many requests were made; fails for the first answer that is not the client's to understand."""
    schema = build_schema(target.sdl, assume_valid=True, assume_valid_sdl=True)
    made = 0
    for ask in _asks(schema, target):
        for leaf in _leaves(ask.arguments):
            for value in (*TEXTS, *OTHERS):
                for body in ask.bodies(leaf, value):
                    answer = await send(body, ask.caller)
                    _judge(answer, ask.name, leaf, value)
                    made += 1
    return made


@dataclass(frozen=True)
class Ask:
    name: str
    caller: str
    kind: str
    arguments: dict[str, tuple[GraphQLInputType, Any]]
    selection: str
    entity: dict[str, Any] | None = None

    def bodies(self, leaf: tuple[str, ...], value: Any) -> Iterator[str]:
        """The value as a variable, and as a literal where GraphQL can write it."""
        given = {name: _replaced(baseline, leaf[1:], value) if name == leaf[0] else baseline
                 for name, (_, baseline) in self.arguments.items()}  # fmt: skip
        given = {name: one for name, one in given.items() if one is not _ABSENT}
        declared = ", ".join(f"${name}: {self.arguments[name][0]}" for name in given)
        passed = ", ".join(f"{name}: ${name}" for name in given)
        yield self._body(f"({declared})", passed, given)
        literals = ", ".join(f"{name}: {_literal(self.arguments[name][0], one)}" for name, one in given.items())
        if not any("\ud800" <= letter <= "\udfff" for letter in literals):
            yield self._body("", literals, {})

    def _body(self, declared: str, passed: str, variables: dict[str, Any]) -> str:
        asked = f"{self.name}({passed}) {self.selection}"
        if self.entity is not None:
            asked = f"_entities(representations: $_r) {{ ... on {self.entity['__typename']} {{ {asked} }} }}"
            declared = f"({', '.join(filter(None, [declared.strip('()'), '$_r: [_Any!]!']))})"
            variables = {**variables, "_r": [self.entity]}
        return json.dumps({"query": f"{self.kind} {declared} {{ {asked} }}", "variables": variables})


_ABSENT: Any = object()


def _asks(schema: GraphQLSchema, target: Target) -> Iterator[Ask]:
    roots = (("query", schema.query_type), ("mutation", schema.mutation_type))
    for kind, root in roots:
        for name, found in (root.fields if root else {}).items():
            if found.args and not name.startswith("_"):
                yield _ask(target, kind, name, found, None)
    for type_name, representation in target.entities.items():
        entity = schema.type_map[type_name]
        assert isinstance(entity, GraphQLObjectType)
        for name, found in entity.fields.items():
            if found.args:
                yield _ask(target, "query", name, found, representation)


def _ask(target: Target, kind: str, name: str, found: GraphQLField, entity: dict[str, Any] | None) -> Ask:
    arguments = {arg: (one.type, _baseline(one.type, arg, target.known)) for arg, one in found.args.items()}
    selection = "" if is_leaf_type(get_named_type(found.type)) else "{ __typename }"
    return Ask(name, target.callers.get(name, "gateway"), kind, arguments, selection, entity)


def _baseline(type_: GraphQLInputType, name: str, known: dict[str, Any]) -> Any:
    """A plain value; what may be left out is, but for input objects, below which values are to be tried."""
    required = isinstance(type_, GraphQLNonNull)
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if name in known:
        return known[name]
    if isinstance(inner, GraphQLInputObjectType):
        return {field: one for field, wanted in inner.fields.items()
                if (one := _baseline(wanted.type, field, known)) is not _ABSENT}  # fmt: skip
    if not required:
        return _ABSENT
    if isinstance(inner, GraphQLList):
        return [_baseline(inner.of_type, name, known)]
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    plain = {"Int": 1, "Float": 1.0, "Boolean": True, "Date": "1990-02-28", "DateTime": "2030-01-01T00:00:00Z"}
    return plain.get(inner.name, SOME_ID)


def _leaves(arguments: dict[str, tuple[GraphQLInputType, Any]]) -> Iterator[tuple[str, ...]]:
    """Paths of every argument and of every field of an input object, lists included, containers before contents."""
    left: list[tuple[tuple[str, ...], GraphQLInputType]] = [((name,), type_) for name, (type_, _) in arguments.items()]
    while left:
        path, type_ = left.pop()
        yield path
        named = get_named_type(type_)
        if isinstance(named, GraphQLInputObjectType):
            left += [((*path, field), one.type) for field, one in named.fields.items()]


def _replaced(baseline: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(baseline, list):
        return [_replaced(baseline[0], path, value)]
    below = dict(baseline) if isinstance(baseline, dict) else {}
    below[path[0]] = _replaced(below.get(path[0], {}), path[1:], value)
    return below


def _literal(type_: GraphQLInputType, value: Any) -> str:
    inner: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(value, list):
        below = inner.of_type if isinstance(inner, GraphQLList) else inner
        return f"[{', '.join(_literal(below, one) for one in value)}]"
    if isinstance(value, dict):
        named = get_named_type(inner)
        fields = named.fields if isinstance(named, GraphQLInputObjectType) else {}
        written = (
            f"{name}: {_literal(fields[name].type if name in fields else inner, one)}" for name, one in value.items()
        )
        return f"{{{', '.join(written)}}}"
    if (
        isinstance(value, str)
        and isinstance(get_named_type(inner), GraphQLEnumType)
        and re.fullmatch("[A-Za-z]+", value)
    ):
        return value
    # As JSON writes it, GraphQL reads it; characters beyond the first plane only where they stand as they are.
    return json.dumps(value, ensure_ascii=False)


def _judge(answer: httpx.Response, name: str, leaf: tuple[str, ...], value: Any) -> None:
    what = f"{name}({'.'.join(leaf)}: {value!r:.80}) → {answer.text[:600]}"
    assert answer.status_code == 200, what
    told = answer.json()
    for error in told.get("errors", ()):
        extensions = error.get("extensions", {})
        assert extensions.get("code") in CLIENTS_FAULTS, what
        if "argumentPath" in extensions:
            assert leaf[0] == extensions["argumentPath"][0], what


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


SOMEBODY = UUID(SOME_ID)
