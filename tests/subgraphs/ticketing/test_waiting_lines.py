"""Places in line: one formula, each line read once for everybody, and bounded work however long it is."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.database import Database
from subgraphs.ticketing import waiting_lines
from subgraphs.ticketing.domain.waiting_line import WaitingLine
from subgraphs.ticketing.queued_requests import LineId, QueuedRequests
from subgraphs.ticketing.settings import Settings
from subgraphs.ticketing.waiting_lines import PAGE, TOLD_AT_ONCE, WaitingLines
from tests.subgraphs.ticketing.conftest import LAWN, SESSION, STAND, Service, dynamodb, wanted

LAWN_LINE, STAND_LINE = LineId(SESSION, LAWN), LineId(SESSION, STAND)
FIRST = 18_849_496_460_467_696_128  # as the real queue numbers


class Line:
    """The lines of a service whose seconds pass when the test says so."""

    def __init__(self, database: Database, requests: QueuedRequests) -> None:
        self.now = 100.0
        self.lines = WaitingLines(database, requests, lambda: self.now)

    async def later(self, seconds: float = 2.0) -> None:
        self.now += seconds
        await self.lines.refresh()

    async def position(self, sequence: int, line: LineId = LAWN_LINE) -> int | None:
        """Once the line has been read, however long that takes on a busy machine."""
        asking = asyncio.create_task(self.lines.position(line, sequence))
        await asyncio.sleep(0)
        await self.lines.refresh()
        await asking
        return await self.lines.position(line, sequence)


@pytest.fixture
async def line(
    db: Database, aws_endpoint: str, requests_table: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Line]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings = Settings(
        service_token_jwks="{}",
        aws_endpoint_url=aws_endpoint,
        reservation_requests_table=requests_table,
        ticket_signing_key="",
    )
    aws = Aws(settings)
    yield Line(db, QueuedRequests(aws, requests_table))
    aws.close()


async def test_a_place_counts_who_is_not_served_up_to_oneself(
    line: Line, service: Service, put_in_line: Callable[..., UUID]
) -> None:
    """Numbers have gaps, other sectors have lines of their own, and what the queue has not taken stands in none."""
    for number in (0, 40, 900):
        put_in_line(uuid4(), LAWN, sequence=FIRST + number)
    put_in_line(uuid4(), STAND, sequence=FIRST + 20)
    put_in_line(uuid4(), LAWN, sequence=0)
    assert [await line.position(FIRST + number) for number in (0, 40, 900)] == [1, 2, 3]
    assert await line.position(FIRST + 20, STAND_LINE) == 1
    await service.held(uuid4(), LAWN, 1, sequence=FIRST)
    await line.later()
    assert [await line.position(FIRST + number) for number in (0, 40, 900)] == [None, 1, 2]


async def test_two_who_ask_one_after_the_other_are_told_different_places_before_the_line_is_read_again(
    line: Line, put_in_line: Callable[..., UUID]
) -> None:
    put_in_line(uuid4(), LAWN, sequence=FIRST)
    assert await line.position(FIRST) == 1
    assert [await line.position(FIRST + number) for number in (1, 2, 3)] == [2, 3, 4]


async def test_a_request_for_a_sector_of_another_session_moves_no_line(
    line: Line, service: Service, put_in_line: Callable[..., UUID]
) -> None:
    """Its number is of another line, and could be far ahead."""
    put_in_line(uuid4(), LAWN, sequence=FIRST)
    await service.allocate(wanted(uuid4(), LAWN, 1, sequence=FIRST + 10**9, sessionId=str(uuid4())))
    assert await line.position(FIRST) == 1
    assert await line.position(FIRST, LineId(uuid4(), LAWN)) is None
    assert await line.position(FIRST, LineId(SESSION, uuid4())) is None


async def test_a_line_is_read_once_for_all_who_wait_in_it(
    line: Line, put_in_line: Callable[..., UUID], count_statements: Callable[[], Any], count_reads: list[str]
) -> None:
    numbers = [FIRST + number for number in range(30)]
    for number in numbers:
        put_in_line(uuid4(), LAWN, sequence=number)
    woken: list[int] = []
    with count_statements() as seen:
        standing = [line.lines.stand(LAWN_LINE, number, lambda: woken.append(1)) for number in numbers]
        places = [each.__enter__() for each in standing]
        for _ in range(10):
            await line.later()
        assert [place.tell(line.now) for place in places] == list(range(1, 31))
    assert len(seen) == 10
    assert count_reads == ["Query"] * 10
    for each in standing:
        each.__exit__(None, None, None)
    await line.later(60)
    await line.later()
    assert count_reads == ["Query"] * 10  # nobody waits, nobody reads


@pytest.fixture
def count_reads(line: Line) -> list[str]:
    """The operations that are asked of DynamoDB."""
    heard: list[str] = []
    client: Any = line.lines._requests._aws.client("dynamodb")
    client.meta.events.register("before-send", lambda event_name, **_: heard.append(event_name.rpartition(".")[2]))
    return heard


# 4,500 who wait are five pages. Read once, they cost the new ones and one page each time.
async def test_a_long_line_is_counted_right_with_bounded_reads(
    line: Line, aws_endpoint: str, requests_table: str, service: Service, count_reads: list[str]
) -> None:
    put_many(aws_endpoint, requests_table, [FIRST + 2 * number for number in range(4_500)])
    with line.lines.stand(LAWN_LINE, FIRST + 8_998, lambda: None) as last:
        await line.later()
        assert last.tell(line.now) == 4_500
        assert len(count_reads) == 5
        count_reads.clear()
        put_many(aws_endpoint, requests_table, [FIRST + 8_999, FIRST + 9_001])
        put_many(aws_endpoint, requests_table, [FIRST + 1])  # recorded late
        await line.later()
        assert (len(count_reads), last.tell(line.now)) == (2, 4_501)
        assert await line.position(FIRST + 9_001) == 4_503
        await service.held(uuid4(), LAWN, 1, sequence=FIRST + 8_000)
        await line.later()
        assert last.tell(line.now) == 499


def put_many(endpoint: str, table: str, numbers: list[int]) -> None:
    client = dynamodb(endpoint)
    for start in range(0, len(numbers), 25):
        items = [
            {
                "reservation_id": {"S": str(uuid4())},
                "line": {"S": f"{SESSION}:{LAWN}"},
                "sequence": {"S": f"{number:039}"},
                "since": {"S": "x"},
            }
            for number in numbers[start : start + 25]
        ]
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})
    client.close()


@pytest.fixture(autouse=True)
def _no_line_of_another_test(aws_endpoint: str, requests_table: str) -> None:
    client = dynamodb(aws_endpoint)
    for page in client.get_paginator("scan").paginate(TableName=requests_table):
        for item in page["Items"]:
            client.delete_item(TableName=requests_table, Key={"reservation_id": item["reservation_id"]})
    client.close()


async def test_when_the_table_does_not_answer_the_last_known_places_stay(
    line: Line, put_in_line: Callable[..., UUID], service: Service
) -> None:
    for number in range(3):
        put_in_line(uuid4(), LAWN, sequence=FIRST + number)
    assert await line.position(FIRST + 2) == 3
    line.lines._requests._table = "nowhere"
    await service.held(uuid4(), LAWN, 1, sequence=FIRST)
    await line.later()
    assert await line.position(FIRST + 2) == 2
    assert await line.position(FIRST + 2, STAND_LINE) is None


async def test_thousands_who_wait_are_told_some_at_a_time_who_heard_longest_ago_first(
    line: Line, aws_endpoint: str, requests_table: str, service: Service
) -> None:
    numbers = [FIRST + number for number in range(600)]
    put_many(aws_endpoint, requests_table, numbers)
    woken: list[int] = []
    standing = [line.lines.stand(LAWN_LINE, number, lambda n=number: woken.append(n)) for number in numbers[300:]]
    places = {number: each.__enter__() for number, each in zip(numbers[300:], standing, strict=True)}
    await line.later()
    for place in places.values():
        place.tell(line.now)
    woken.clear()
    await line.later()
    assert woken == []  # nothing moved, nobody is told
    await service.held(uuid4(), LAWN, 1, sequence=FIRST + 200)
    await line.later()
    assert len(woken) == TOLD_AT_ONCE
    for number in woken:
        places[number].tell(line.now)
    first, woken[:] = set(woken), []
    await line.later()
    assert len(woken) == 300 - TOLD_AT_ONCE
    assert not first & set(woken)


async def test_a_small_step_far_back_is_told_after_a_while_and_near_the_head_at_once(
    line: Line, aws_endpoint: str, requests_table: str, service: Service
) -> None:
    numbers = [FIRST + number for number in range(50)]
    put_many(aws_endpoint, requests_table, numbers)
    woken: list[int] = []
    with (
        line.lines.stand(LAWN_LINE, numbers[3], lambda: woken.append(3)) as near,
        line.lines.stand(LAWN_LINE, numbers[49], lambda: woken.append(49)) as far,
    ):
        await line.later()
        near.tell(line.now), far.tell(line.now)
        woken.clear()
        await service.held(uuid4(), LAWN, 1, sequence=numbers[0])
        await line.later()
        assert woken == [3]
        near.tell(line.now)
        await line.later(16)
        assert woken == [3, 49]


async def test_more_lines_than_may_be_read_have_no_places_and_leave_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_lines, "MOST_LINES", 3)
    for _ in range(10):
        asking = line.lines.position(LineId(uuid4(), uuid4()), 1)
        assert await asyncio.wait_for(line.position(1, LineId(uuid4(), uuid4())), 5) is None
        assert await asking is None
    assert len(line.lines._lines) <= 3
    await line.later(60)
    assert len(line.lines._lines) == 0


def test_however_pages_come_the_place_is_that_of_a_plain_count() -> None:
    """Against the definition, with random lines, pages, late recordings and services."""
    chance = random.Random(19)
    for _ in range(200):
        line, waiting, served = WaitingLine(), set[int](), 0
        for _ in range(chance.randint(1, 30)):
            waiting |= {chance.randint(served + 1, served + 60) for _ in range(chance.randint(0, 8))}
            if waiting and chance.random() < 0.3:
                served = chance.choice(sorted(waiting))
                waiting = {number for number in waiting if number > served}
                line.serve(served)
            after = served
            while True:
                page = sorted(number for number in waiting if number > after)[:5]
                line.replace(after, page, full=len(page) == 5)
                if len(page) < 5:
                    break
                after = page[-1]
            for number in waiting:
                assert line.position(number) == sum(1 for other in waiting if other <= number)
            assert line.position(served) is None


def test_a_line_that_is_not_read_to_its_end_tells_no_place_behind_what_is_known() -> None:
    line = WaitingLine()
    line.replace(0, list(range(1, PAGE + 1)), full=True)
    assert line.position(PAGE) == PAGE
    assert line.position(PAGE + 1) is None
    line.replace(PAGE, [PAGE + 5], full=False)
    assert line.position(PAGE + 5) == PAGE + 1
