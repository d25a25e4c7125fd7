"""Which argument holds a bad value: the same path for a literal and for a variable, whatever the variable is called."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.chassis.graphql.bad_values import is_storable
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.graphql.schema import build_schema
from subgraphs.chassis.identity import Identity


@strawberry.input
class Wanted:
    born: date | None = None
    at: datetime | None = None
    many: list[int] | None = None
    name: str | None = None


@strawberry.type
class Inner:
    @strawberry.field
    def echo(self, wanted: Wanted | None = None, first: int = 1, words: list[str] | None = None) -> str:
        return f"{wanted} {first} {words}"


@strawberry.type
class Query(Inner):
    @strawberry.field
    def inner(self) -> Inner:
        return Inner()


schema = build_schema(query=Query)


async def ask(document: str, **variables: Any) -> Any:
    answer = await schema.execute(
        document, variable_values=variables, context_value=Context(identity=Identity("gateway"))
    )
    return answer.data, [error.formatted for error in answer.errors or ()]


BAD = [
    ("born", "31/12/1990", ["wanted", "born"]),
    ("born", "1990-02-30", ["wanted", "born"]),
    ("born", "19900228", ["wanted", "born"]),
    ("born", 19900228, ["wanted", "born"]),
    ("at", "10000-01-01T00:00:00Z", ["wanted", "at"]),
    ("at", "0001-01-01T00:00:00+14:00", ["wanted", "at"]),
    ("at", "9999-12-31T23:59:59-14:00", ["wanted", "at"]),
    ("at", "2026-01-01", ["wanted", "at"]),
    ("at", 3, ["wanted", "at"]),
    ("many", [1, 2**31], ["wanted", "many", 1]),
    ("many", [1, "x"], ["wanted", "many", 1]),
    ("name", 5, ["wanted", "name"]),
]


@pytest.mark.parametrize(("field", "value", "path"), BAD)
async def test_a_literal_is_told_with_its_place(field: str, value: Any, path: list[str | int]) -> None:
    written = repr(value).replace("'", '"')
    data, errors = await ask(f"{{ inner {{ mine: echo(wanted: {{ {field}: {written} }}) }} }}")
    assert data is None
    assert [(error["extensions"], error["path"]) for error in errors] == [
        ({"code": "BAD_USER_INPUT", "argumentPath": path}, ["inner", "mine"])
    ]


@pytest.mark.parametrize(("field", "value", "path"), BAD)
async def test_a_variable_is_told_with_the_place_it_is_used_at(field: str, value: Any, path: list[str | int]) -> None:
    for document, variables in (
        ("query ($v: Wanted) { inner { mine: echo(wanted: $v) } }", {"v": {field: value}}),
        (f"query ($v: {_type(field)}) {{ inner {{ mine: echo(wanted: {{ {field}: $v }}) }} }}", {"v": value}),
    ):
        data, errors = await ask(document, **variables)
        assert data is None
        assert [(error["extensions"], error["path"]) for error in errors] == [
            ({"code": "BAD_USER_INPUT", "argumentPath": path}, ["inner", "mine"])
        ]
        assert str(value) not in errors[0]["message"] or field == "many" or isinstance(value, int)


def _type(field: str) -> str:
    return {"born": "Date", "at": "DateTime", "many": "[Int!]", "name": "String"}[field]


async def test_a_missing_variable_is_told_as_well() -> None:
    _, errors = await ask("query ($n: Int!) { echo(first: $n) }")
    assert [error["extensions"]["argumentPath"] for error in errors] == [["first"]]


@pytest.mark.parametrize(
    ("text", "storable"),
    [("", True), ("🎟 ã a\u0303", True), ("a\0b", False), ("\ud83c", False), ("a\udfff", False), ("\uffff", True)],
)
def test_what_no_database_keeps(text: str, storable: bool) -> None:
    assert is_storable(text) is storable


async def test_below_a_fragment_the_argument_is_told_and_no_path() -> None:
    _, errors = await ask("query ($v: Date) { ...f } fragment f on Query { echo(wanted: { born: $v }) }", v="x")
    assert errors[0]["extensions"]["argumentPath"] == ["wanted", "born"]
    assert "path" not in errors[0]


async def test_a_document_is_remembered_with_its_errors_and_another_value_is_judged_anew() -> None:
    document = "query ($v: Date) { echo(wanted: { born: $v }) }"
    for _ in range(2):
        assert (await ask(document, v="1990-13-01"))[1]
        assert not (await ask(document, v="1990-12-01"))[1]
        assert (await ask('{ echo(wanted: { born: "x" }) }'))[1][0]["extensions"]["argumentPath"] == ["wanted", "born"]


@given(st.datetimes(timezones=st.timezones()))
async def test_a_moment_is_taken_in_utc_whatever_its_offset(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    if moment.utcoffset() is None or moment.utcoffset().total_seconds() % 60:  # type: ignore[union-attr]
        return
    data, errors = await ask("query ($v: DateTime) { echo(wanted: { at: $v }) }", v=moment.isoformat())
    assert errors == []
    assert repr(expected) in data["echo"]
