"""Who may buy and who gets in: by the rating, the session's own age, and the calendar of the venue."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.domain.ages import EntryRule, age_on, day_at
from subgraphs.ticketing.domain.catalogue import AgeRating
from subgraphs.ticketing.tables import events, sessions, venues
from tests.subgraphs.ticketing.conftest import LAWN, STAND, Service, counters, wanted

# 22:00 of 5 March in São Paulo is 6 March in UTC.
STARTS_AT = datetime(2040, 3, 6, 1, 0, tzinfo=UTC)


@pytest.fixture
def rate(db: Database) -> Callable[..., Any]:
    """`await rate("A18", minimum_age=21)`: the event's rating and the session's own age."""

    async def change(rating: str, minimum_age: int | None = None) -> None:
        async with db.transaction() as connection:
            await connection.execute(events.update().values(age_rating=rating))
            await connection.execute(sessions.update().values(minimum_age=minimum_age, starts_at=STARTS_AT))

    return change


async def ask(service: Service, born: str | None, **more: Any) -> str:
    [outcome] = await service.allocate(wanted(uuid4(), buyer={"birthDate": born}, **more))
    status: str = outcome["status"]
    return status


@pytest.mark.parametrize(
    ("rating", "minimum_age", "born", "status"),
    [
        ("A18", None, "2022-03-05", "HELD"),  # eighteen on the day itself
        ("A18", None, "2022-03-06", "REJECTED_INVALID"),  # a day later: by then it is the 6th in UTC only
        ("A18", None, "2030-03-05", "REJECTED_INVALID"),
        ("A18", None, None, "REJECTED_INVALID"),
        ("L", None, "2039-12-31", "HELD"),
        ("L", None, None, "HELD"),
        ("A10", None, "2030-03-05", "HELD"),
        ("A10", None, "2030-03-06", "REJECTED_INVALID"),
        ("A12", None, "2028-03-06", "REJECTED_INVALID"),
        ("A14", None, "2026-03-06", "REJECTED_INVALID"),
        ("A16", None, "2024-03-06", "REJECTED_INVALID"),
        ("L", 21, "2019-03-05", "HELD"),
        ("L", 21, "2019-03-06", "REJECTED_INVALID"),
        ("A18", 12, "2023-03-05", "REJECTED_INVALID"),
        ("A12", 16, "2025-03-05", "REJECTED_INVALID"),
    ],
)
async def test_the_buyer_has_the_age_on_the_venues_day_of_the_session(
    service: Service, rate: Any, rating: str, minimum_age: int | None, born: str | None, status: str
) -> None:
    await rate(rating, minimum_age)
    assert await ask(service, born) == status


async def test_the_day_is_the_venues_wherever_that_is(service: Service, db: Database, rate: Any) -> None:
    """The same moment is the 6th in Fernando de Noronha's neighbour to the east, and the 5th in Acre."""
    await rate("A18")
    for time_zone, status in (("America/Rio_Branco", "REJECTED_INVALID"), ("Atlantic/Cape_Verde", "HELD")):
        async with db.transaction() as connection:
            await connection.execute(venues.update().values(time_zone=time_zone))
            await connection.execute(sessions.update().values(starts_at=datetime(2040, 3, 6, 3, 0, tzinfo=UTC)))
        assert await ask(service, "2022-03-06") == status, time_zone


async def test_why_is_told_with_the_age_and_with_who_gets_in_below_it(service: Service, rate: Any) -> None:
    document = """query ($id: ID!) { reservation(id: $id) { status rejection { __typename code field message
        ... on AgeRestricted { minimumAge } } } }"""

    async def told(language: str) -> Any:
        ana = uuid4()
        [outcome] = await service.allocate(wanted(ana, buyer={"birthDate": "2030-01-01"}))
        given = {"id": global_id.encode("Reservation", UUID(outcome["reservationId"]))}
        return (await service.data(document, given, customer=ana, language=language))["reservation"]

    await rate("A18")
    assert await told("pt-BR") == {
        "status": "REJECTED_INVALID",
        "rejection": {
            "__typename": "AgeRestricted",
            "code": "AGE_RESTRICTED",
            "field": "sessionId",
            "minimumAge": 18,
            "message": "Para comprar é preciso ter 18 anos completos no dia da sessão. De 16 a 17 anos entra-se"
            " acompanhado dos pais ou responsáveis ou, a partir de 10 anos, com autorização escrita deles; o ingresso é"
            " comprado por um adulto.",
        },
    }
    await rate("A16")
    assert "Under 16, one gets in accompanied by parents or guardian" in (await told("en"))["rejection"]["message"]
    await rate("L", 21)
    assert (await told("en"))["rejection"]["message"].endswith("Nobody under 21 gets in, not even accompanied.")


async def test_without_the_buyer_nothing_is_decided_and_the_line_waits(
    service: Service, db: Database, rate: Any, published: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Left QUEUED, nothing kept or counted, and nobody behind it in its line overtakes; another line goes on."""
    await rate("A16")
    first, bad, behind, nowhere = (
        wanted(uuid4(), LAWN, 2, sequence=1),
        wanted(uuid4(), LAWN, 0, sequence=2),
        wanted(uuid4(), LAWN, 1, sequence=3, buyer={"birthDate": "1990-01-01"}),
        wanted(uuid4(), UUID(int=7), 1, sequence=1),
    )
    before = await service.allocate(wanted(uuid4(), STAND, 0, sequence=1))
    assert before[0]["status"] == "REJECTED_INVALID"
    outcomes = await service.allocate(first, bad, behind, nowhere)
    assert [outcome["status"] for outcome in outcomes] == ["QUEUED", "QUEUED", "QUEUED", "REJECTED_INVALID"]
    assert await counters(db, LAWN) == (0, 0)
    assert len(await published()) == 2
    assert capsys.readouterr().out.count('"Reservations"') == 2 * 2  # the metric's name and its value, for each decided
    known = {"buyer": {"birthDate": "1990-01-01"}}
    outcomes = await service.allocate({**first, **known}, {**bad, **known}, behind)
    assert [outcome["status"] for outcome in outcomes] == ["HELD", "REJECTED_INVALID", "HELD"]
    assert [outcome["status"] for outcome in await service.allocate(first, bad, behind)] == [
        "HELD",
        "REJECTED_INVALID",
        "HELD",
    ]


async def test_nothing_is_asked_where_sales_are_closed_or_everybody_may_buy(
    service: Service, rate: Any, db: Database
) -> None:
    await rate("L")
    [outcome] = await service.allocate(wanted(uuid4()))
    assert outcome["status"] == "HELD"
    await rate("A18")
    async with db.transaction() as connection:
        await connection.execute(sessions.update().values(status="SALES_CLOSED"))
    [outcome] = await service.allocate(wanted(uuid4()))
    assert outcome["status"] == "REJECTED_INVALID"


@pytest.mark.parametrize(
    ("rating", "minimum_age", "alone", "accompanied"),
    [
        ("L", None, 0, None),
        ("A10", None, 10, 0),
        ("A16", None, 16, 0),
        ("A18", None, 18, 16),
        ("L", 18, 18, None),
        ("A16", 18, 18, None),
        ("A18", 14, 18, 16),
        ("A18", 17, 18, 17),
        ("A16", 12, 16, 12),
        ("A18", 21, 21, None),
    ],
)
def test_who_gets_in_alone_and_who_accompanied(
    rating: str, minimum_age: int | None, alone: int, accompanied: int | None
) -> None:
    rule = EntryRule(AgeRating(rating), minimum_age)
    assert (rule.alone_from, rule.accompanied_from) == (alone, accompanied)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 120))
def test_one_is_a_year_older_on_the_birthday_and_not_the_day_before(born: date, years: int) -> None:
    try:
        birthday = born.replace(year=born.year + years)
    except ValueError:  # 29 February
        birthday = date(born.year + years, 3, 1)
    assert age_on(born, birthday) == years
    assert age_on(born, birthday - date.resolution) == years - 1


def test_the_day_is_that_of_a_calendar_on_the_wall() -> None:
    assert day_at(STARTS_AT, "America/Sao_Paulo") == date(2040, 3, 5)
    assert day_at(STARTS_AT, "UTC") == date(2040, 3, 6)


def test_every_rating_has_its_age() -> None:
    assert [EntryRule(rating, None).alone_from for rating in AgeRating] == [0, 10, 12, 14, 16, 18]
