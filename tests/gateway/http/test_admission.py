"""The door when there is too much to do: who waits, who is told to come again, and that nothing stays taken."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from gateway.federation import Engine, InProcessTransport
from gateway.http import GraphQLDoor
from gateway.http.admission import Admission, AdmissionLimits, Overloaded
from tests.gateway.http.conftest import LIMITS, SUPERGRAPH, Behind, authenticate
from tests.gateway.serving import serve

ONE = AdmissionLimits(least=1, most=1)


async def test_a_burst_waits_for_its_turn_and_is_done_in_order() -> None:
    admission, done = Admission(AdmissionLimits(least=4, most=4)), list[int]()

    async def one(number: int) -> None:
        place = await admission.enter()
        await asyncio.sleep(0)
        done.append(number)
        place.leave()

    await asyncio.gather(*(one(number) for number in range(200)))
    assert done == list(range(200))
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_line_that_would_take_too_long_is_not_joined() -> None:
    """Answers take two seconds: who comes second would wait for two, who comes third for four."""
    admission = Admission(replace(ONE, burst=3.0))
    (await admission.enter()).leave()
    admission._seconds = 2.0
    place = await admission.enter()
    second = asyncio.ensure_future(admission.enter())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await admission.enter()
    assert refused.value.retry_after == 4.0
    place.leave()
    (await second).leave()


async def test_to_a_line_that_stands_nobody_comes() -> None:
    admission = Admission(replace(ONE, standing=0.0))
    (await admission.enter()).leave()
    admission._seconds = 0.5
    await admission.enter()
    with pytest.raises(Overloaded):
        await admission.enter()


async def test_the_line_has_an_end() -> None:
    admission = Admission(replace(ONE, waiting=3))
    place = await admission.enter()
    waiting = [asyncio.ensure_future(admission.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await admission.enter()
    place.leave()
    for one in waiting:
        (await one).leave()


async def test_quick_answers_make_places_and_slow_ones_take_them_down_to_the_least() -> None:
    admission = Admission(AdmissionLimits(least=8, most=12))
    for _ in range(100):
        places = [await admission.enter() for _ in range(int(admission.limit))]
        for place in places:
            place.leave()
    assert admission.limit == 12
    for step in range(100):
        admission.running += 1
        admission.leave(5.0, now=step * 1.0)
    assert admission.limit == 8


async def test_clients_that_leave_at_any_moment_leave_no_place_taken() -> None:
    admission = Admission(AdmissionLimits(least=3, most=3, waiting=1_000))
    loop = asyncio.get_running_loop()

    async def one() -> None:
        place = await admission.enter()
        try:
            await asyncio.sleep(0.001)
        finally:
            place.leave()

    clients = [asyncio.ensure_future(one()) for _ in range(1_000)]
    for client in clients:
        loop.call_later(random.uniform(0, 0.3), client.cancel)
    await asyncio.gather(*clients, return_exceptions=True)
    assert (admission.running, admission.waiting) == (0, 0)
    (await admission.enter()).leave()


@pytest.fixture
async def narrow(behind: Behind) -> AsyncIterator[httpx.AsyncClient]:
    """A door with a place for one query, and none to wait for another; one for a mutation as well."""
    engine = Engine(SUPERGRAPH, transports={"a": InProcessTransport(behind.answer, behind.events)})
    limits = replace(LIMITS, queries=replace(ONE, waiting=0), mutations=replace(ONE, waiting=0))
    async with (
        serve(GraphQLDoor(engine, authenticate, limits=limits), lifespan="off") as at,
        httpx.AsyncClient(base_url=f"http://{at}", trust_env=False, timeout=5) as client,
    ):
        yield client


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
async def test_a_refusal_says_so_before_the_document_is_read(
    narrow: httpx.AsyncClient, behind: Behind, accept: str
) -> None:
    behind.held = asyncio.Event()
    first = asyncio.ensure_future(narrow.post("/graphql", json={"query": "{ greeting }"}))
    await asyncio.wait_for(behind.asked.wait(), 3)
    refused = await narrow.post("/graphql", json={"query": "{ no such document"}, headers={"Accept": accept})
    assert refused.status_code == 503
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "OVERLOADED"
    assert error["extensions"]["retryAfterMs"] >= 200
    assert int(refused.headers["retry-after"]) >= 1
    assert len(behind.requests) == 1
    behind.held.set()
    assert (await first).json() == {"data": {"greeting": "Olá, mundo"}}
    assert (await narrow.post("/graphql", json={"query": "{ who }"})).json() == {"data": {"who": None}}


async def test_readers_do_not_keep_buyers_out(narrow: httpx.AsyncClient, behind: Behind) -> None:
    behind.held = asyncio.Event()
    first = asyncio.ensure_future(narrow.post("/graphql", json={"query": "{ greeting }"}))
    await asyncio.wait_for(behind.asked.wait(), 3)
    behind.held.set()
    assert (await narrow.post("/graphql", json={"query": "mutation { touch }"})).json() == {"data": {"touch": 1}}
    await first


async def test_a_subscription_takes_no_place_of_those_who_want_one_answer(
    narrow: httpx.AsyncClient, behind: Behind
) -> None:
    events = {"Accept": "text/event-stream"}
    body = {"query": "subscription { forever }"}
    async with narrow.stream("POST", "/graphql", json=body, headers=events) as stream:
        lines = stream.aiter_lines()
        async for line in lines:
            if line.startswith("data"):
                break
        assert (await narrow.post("/graphql", json={"query": "{ who }"})).json() == {"data": {"who": None}}


@pytest.mark.parametrize("query", ["{ greeting }", "{ nobody }", "{", "mutation { touch }"])
async def test_a_hundred_in_a_row_each_give_their_place_back(narrow: httpx.AsyncClient, query: str) -> None:
    for _ in range(100):
        assert (await narrow.post("/graphql", json={"query": query})).status_code == 200
