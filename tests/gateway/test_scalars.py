"""Values that no date, instant or id can be: the client's fault, told with its place, and no service is asked."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import gateway
from gateway.federation import Engine, EngineSettings, GraphQLRequest, InProcessTransport, SubgraphRequest
from gateway.scalars import CHECKS

SDL = (Path(gateway.__file__).parent / "supergraph.graphql").read_text(encoding="utf-8")
SIGN_UP = """mutation ($i: SignUpInput!) { signUp(input: $i) { errors { code } } }"""
SIGN_UP_LITERALLY = """mutation { signUp(input: {
  birthDate: "1990-02-30", cpf: "1", email: "e", name: "n", password: "p" }) { errors { code } } }"""
FROM = "{ events(where: { startsAfter: %s }) { pageInfo { hasNextPage } } }"
EVENTS = "query ($from: DateTime) { events(where: { startsAfter: $from }) { pageInfo { hasNextPage } } }"
FILTER = "query ($where: EventFilter) { events(where: $where) { pageInfo { hasNextPage } } }"
PERSON = {"birthDate": "1990-12-31", "cpf": "1", "email": "e", "name": "n", "password": "p"}


class Asked:
    """Every service: answers with nothing, or with the error that it was given."""

    def __init__(self, error: dict[str, Any] | None = None) -> None:
        self.requests: list[SubgraphRequest] = []
        self._error = error

    async def answer(self, request: SubgraphRequest) -> dict[str, Any]:
        self.requests.append(request)
        return {"data": None, "errors": [self._error or {"message": "no"}]}


async def ask(asked: Asked, query: str, variables: dict[str, Any] | None = None) -> Any:
    names = ("ticketing", "concessions", "customers", "payments", "notifications", "suggestions", "experience")
    engine = Engine(
        SDL,
        transports=dict.fromkeys(names, InProcessTransport(asked.answer)),
        settings=EngineSettings(scalars=CHECKS),
    )
    return msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, variables=variables or {})))


@pytest.mark.parametrize(
    ("query", "variables", "argument"),
    [
        (SIGN_UP, {"i": {**PERSON, "birthDate": "31/12/1990"}}, "input.birthDate"),
        (SIGN_UP, {"i": {**PERSON, "birthDate": "1990-02-30"}}, "input.birthDate"),
        (SIGN_UP, {"i": {**PERSON, "birthDate": 19901231}}, "input.birthDate"),
        (SIGN_UP, {"i": {**PERSON, "birthDate": True}}, "input.birthDate"),
        (SIGN_UP, {"i": {**PERSON, "birthDate": ""}}, "input.birthDate"),
        (EVENTS, {"from": "10000-01-01T00:00:00Z"}, "where.startsAfter"),
        (EVENTS, {"from": "0001-01-01T00:00:00+14:00"}, "where.startsAfter"),
        (EVENTS, {"from": "9999-12-31T23:59:59-14:00"}, "where.startsAfter"),
        (EVENTS, {"from": 5}, "where.startsAfter"),
        (FILTER, {"where": {"startsBefore": "tomorrow"}}, "where.startsBefore"),
        ("query ($n: Int!) { events(first: $n) { pageInfo { hasNextPage } } }", {"n": 2**31}, "first"),
        ("query ($n: Int!) { events(first: $n) { pageInfo { hasNextPage } } }", {"n": "3"}, "first"),
        ("query ($id: ID!) { event(id: $id) { name } }", {"id": "x" * 201}, "id"),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "x" * 201]}, "ids[1]"),
        (FROM % '"10000-01-01T00:00:00Z"', {}, "where.startsAfter"),
        (FROM % "7", {}, "where.startsAfter"),
        (f'{{ event(id: "{"x" * 201}") {{ name }} }}', {}, "id"),
        (f'{{ nodes(ids: ["a", "{"x" * 201}"]) {{ id }} }}', {}, "ids"),
        (SIGN_UP_LITERALLY, {}, "input.birthDate"),
    ],
)
async def test_it_is_refused_with_its_place_and_nobody_is_asked(
    query: str, variables: dict[str, Any], argument: str
) -> None:
    asked = Asked()
    answer = await ask(asked, query, variables)
    assert asked.requests == []
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (SIGN_UP, {"i": PERSON}),
        (EVENTS, {"from": None}),
        (EVENTS, {}),
        (EVENTS, {"from": "2026-11-27T00:00:00Z"}),
        (EVENTS, {"from": "2026-11-27T00:00:00.123456-03:00"}),
        (EVENTS, {"from": "2026-11-27T00:00:00"}),
        (FILTER, {"where": {"startsAfter": "0001-01-01T00:00:00Z", "city": "São Paulo"}}),
        ("query ($id: ID!) { event(id: $id) { name } }", {"id": "x" * 200}),
        ("query ($n: Int!) { events(first: $n) { pageInfo { hasNextPage } } }", {"n": 2**31 - 1}),
    ],
)
async def test_what_can_be_meant_is_asked_for(query: str, variables: dict[str, Any]) -> None:
    asked = Asked()
    await ask(asked, query, variables)
    assert len(asked.requests) == 1


async def test_what_a_service_says_of_a_client_s_value_is_told_as_it_says_it() -> None:
    said = {"message": "after is no cursor.", "path": ["events"], "extensions": {"code": "BAD_USER_INPUT"}}
    answer = await ask(Asked(said), '{ events(after: "nonsense") { pageInfo { hasNextPage } } }')
    assert answer["errors"] == [said]
    assert answer["data"] == {"events": None}


async def test_and_has_its_path_where_the_service_gave_none() -> None:
    said = {"message": "Variable '$n' got an invalid value.", "extensions": {"code": "BAD_USER_INPUT"}}
    answer = await ask(Asked(said), "{ events(first: 5) { pageInfo { hasNextPage } } }")
    assert answer["errors"] == [{**said, "path": ["events"]}]
