"""A service that has too much to do, and callers that go away, seen from its front door."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import strawberry
from fastapi import FastAPI

from subgraphs.chassis.app import build_app
from subgraphs.chassis.graphql.schema import build_schema


class Work:
    """What the service was made to do: begun, done, and given up."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.given_up = asyncio.Event()
        self.done = asyncio.Event()
        self.count = 0
        self.running = 0
        self.most = 0

    async def do(self) -> int:
        self.count += 1
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        finally:
            self.running -= 1
        self.done.set()
        return self.count


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def app(settings: Callable[..., Any], work: Work) -> FastAPI:
    @strawberry.type
    class Query:
        @strawberry.field
        async def read(self) -> int:
            return await work.do()

        @strawberry.field
        def quick(self) -> int:
            return 1

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def write(self) -> int:
            return await work.do()

    return build_app(settings(), build_schema(Query, Mutation))


def narrow(app: FastAPI, places: int = 1) -> None:
    for lane in app.state.lanes.values():
        lane.limit = lane.most = places


async def settled(app: FastAPI) -> None:
    """Until nobody has a place or waits for one."""
    async with asyncio.timeout(10):
        while any(lane.running or lane.waiting for lane in app.state.lanes.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def waiting(app: FastAPI, many: int) -> None:
    async with asyncio.timeout(10):
        while app.state.lanes["gateway"].waiting != many:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def ask(http: httpx.AsyncClient, base: str, headers: dict[str, str], query: str = "{ read }") -> httpx.Response:
    return await http.post(f"{base}/graphql", json={"query": query}, headers=headers)


async def leave_early(base: str, headers: dict[str, str], query: str, when: asyncio.Event) -> None:
    """Asks, and hangs up when something has happened."""
    host, _, port = base.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"query": query}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(head.encode() + b"\r\n" + body)
    await asyncio.wait_for(when.wait(), 10)
    writer.close()
    await writer.wait_closed()


async def test_who_cannot_be_served_in_time_is_refused_and_told_when_to_come_again(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    async with serve(app) as base:
        await ask(http, base, caller.headers(), "{ quick }")
        narrow(app)
        app.state.lanes["gateway"]._seconds = 3.0
        first = asyncio.ensure_future(ask(http, base, caller.headers()))
        await asyncio.wait_for(work.begun.wait(), 10)
        refused = await ask(http, base, caller.headers() | {"X-Request-Timeout-Ms": "5000"})
        assert refused.status_code == 503
        (error,) = refused.json()["errors"]
        assert error["extensions"] == {"code": "OVERLOADED", "retryAfterMs": 3000}
        assert refused.headers["retry-after"] == "3"
        work.go_on.set()
        assert (await first).json() == {"data": {"read": 1}}
        assert work.count == 1


async def test_a_query_ends_with_its_caller(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    async with serve(app) as base:
        await leave_early(base, caller.headers(), "{ read }", work.begun)
        await asyncio.wait_for(work.given_up.wait(), 10)
        await settled(app)
        assert (await ask(http, base, caller.headers(), "{ quick }")).json() == {"data": {"quick": 1}}


async def test_a_mutation_that_has_begun_is_brought_to_its_end(
    app: FastAPI, serve: Any, caller: Any, work: Work
) -> None:
    async with serve(app) as base:
        await leave_early(base, caller.headers(), "mutation { write }", work.begun)
        await asyncio.sleep(0.2)
        assert not work.given_up.is_set()
        work.go_on.set()
        await asyncio.wait_for(work.done.wait(), 10)
        await settled(app)


async def test_what_waits_for_its_turn_is_not_done_for_callers_who_have_gone(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    """A mutation neither: it has not begun."""
    narrow(app)
    async with serve(app) as base:
        first = asyncio.ensure_future(ask(http, base, caller.headers()))
        await asyncio.wait_for(work.begun.wait(), 10)
        leave = asyncio.Event()
        leaving = [
            asyncio.ensure_future(leave_early(base, caller.headers(), query, leave))
            for query in ("{ read }", "mutation { write }") * 10
        ]
        await waiting(app, 20)
        leave.set()
        await asyncio.gather(*leaving)
        await waiting(app, 0)
        work.go_on.set()
        assert (await first).json() == {"data": {"read": 1}}
        await settled(app)
        assert work.count == 1


async def test_a_burst_is_done_a_few_at_a_time_and_all_of_it(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    """150 at once, of which eight run: none fails, and none twice."""
    narrow(app, 8)
    async with serve(app) as base, httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=200)) as many:
        burst = [asyncio.ensure_future(ask(many, base, caller.headers(), "mutation { write }")) for _ in range(150)]
        await waiting(app, 142)
        work.go_on.set()
        answers = await asyncio.gather(*burst)
    assert {answer.status_code for answer in answers} == {200}
    assert work.count == 150
    assert work.most == 8


async def test_workers_have_places_of_their_own(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    """However many pages are asked for, what was sold is confirmed."""
    narrow(app)
    async with serve(app) as base:
        first = asyncio.ensure_future(ask(http, base, caller.headers()))
        await asyncio.wait_for(work.begun.wait(), 10)
        assert (await ask(http, base, caller.headers(caller="workers"), "{ quick }")).json() == {"data": {"quick": 1}}
        work.go_on.set()
        await first


async def test_waiting_counts_as_time(
    app: FastAPI, serve: Any, http: httpx.AsyncClient, caller: Any, work: Work
) -> None:
    """What is left when an operation's turn comes is what it has: it does not begin a time of its own."""
    narrow(app)
    async with serve(app) as base:
        first = asyncio.ensure_future(ask(http, base, caller.headers()))
        await asyncio.wait_for(work.begun.wait(), 10)
        answer = await ask(http, base, caller.headers() | {"X-Request-Timeout-Ms": "50"})
        assert answer.status_code == 503
        assert work.count == 1
        work.go_on.set()
        await first
