"""The quick way through a plan, and what happens when it cannot be gone to its end."""

import asyncio
import contextvars
import gc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.federation import (
    Engine,
    EngineSettings,
    Field,
    GraphQLRequest,
    LastGood,
    Policies,
    Policy,
    SubgraphRequest,
)
from gateway.federation.errors import SubgraphUnavailable
from gateway.federation.request import Answered, Call
from tests.gateway.federation.simulator import supergraph_sdl

SDL = supergraph_sdl(
    "people posts",
    """
    type Query @join__type(graph: PEOPLE) @join__type(graph: POSTS) {
      users: [User!]! @join__field(graph: PEOPLE)
      me: User @join__field(graph: PEOPLE)
    }
    type Mutation @join__type(graph: PEOPLE) { rename(name: String!): User @join__field(graph: PEOPLE) }
    type User @join__type(graph: PEOPLE, key: "id") @join__type(graph: POSTS, key: "id") {
      id: ID! @join__field(graph: PEOPLE) @join__field(graph: POSTS)
      name: String @join__field(graph: PEOPLE)
      posts: [Post!] @join__field(graph: POSTS)
    }
    type Post @join__type(graph: POSTS) { text: String! }
    """,
    "mutation: Mutation",
)
USERS = {"data": {"users": [{"id": "1", "name": "Ana"}, {"id": "2", "name": "Bia"}, {"id": "1", "name": "Ana"}]}}
POSTS = {"data": {"_entities": [{"posts": [{"text": "a"}]}, {"posts": None}]}}
ASKED = "{ users { name posts { text } } }"


class Sending:
    """A transport that sends at once and answers when told to, in the next turn of the loop otherwise."""

    def __init__(self, *answers: Any, held: bool = False) -> None:
        self.answers = list(answers)
        self.requests: list[SubgraphRequest] = []
        self.ordinary = 0
        self.cancelled = 0
        self.held = held
        self.told: list[Answered] = []
        self.began = asyncio.Event()

    def _next(self) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, bytes) else msgspec.json.encode(answer)

    def begin(self, request: SubgraphRequest, answered: Answered) -> Call | None:
        self.requests.append(request)
        self.told.append(answered)
        self.began.set()
        if not self.held:
            asyncio.get_running_loop().call_soon(answered, self._next(), None)
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    async def execute(self, request: SubgraphRequest) -> bytes:
        self.requests.append(request)
        self.ordinary += 1
        return self._next()

    def subscribe(self, request: SubgraphRequest) -> Any:
        raise NotImplementedError


def engine_of(people: Sending, posts: Sending, policies: Policies | None = None, share: bool = False) -> Engine:
    transports = {"people": people, "posts": posts}
    return Engine(
        SDL,
        transports=transports,
        policies=policies,
        settings=EngineSettings(share_in_flight=share, quick_at_once=True),
    )


async def answer_of(engine: Engine, query: str = ASKED, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, **more)))
    return answer


async def test_what_the_client_did_not_ask_for_stays_inside_and_equal_objects_are_asked_for_once() -> None:
    people, posts = Sending(USERS), Sending(POSTS)
    answer = await answer_of(engine_of(people, posts))
    ana = {"name": "Ana", "posts": [{"text": "a"}]}
    assert answer == {"data": {"users": [ana, {"name": "Bia", "posts": None}, ana]}}
    sent = msgspec.json.decode(posts.requests[0].variables)["representations"]
    assert sent == [{"__typename": "User", "id": "1"}, {"__typename": "User", "id": "2"}]
    assert people.ordinary == posts.ordinary == 0


SURPRISES: dict[str, tuple[Any, Callable[[dict[str, Any]], bool]]] = {
    "an error": (
        {"data": {"_entities": [None, None]}, "errors": [{"message": "no", "path": ["_entities", 0, "posts"]}]},
        lambda answer: answer["errors"][0]["path"] == ["users", 0, "posts"],
    ),
    "another number of entities": (
        {"data": {"_entities": [{"posts": []}]}},
        lambda answer: {error["extensions"]["code"] for error in answer["errors"]} == {"SUBGRAPH_MALFORMED"},
    ),
    "another shape": (
        {"data": {"_entities": [{"posts": 7}, {"posts": []}]}},
        lambda answer: answer["errors"][0]["path"] == ["users", 0, "posts"],
    ),
    "no JSON": (b"<html>", lambda answer: answer["errors"][0]["extensions"]["service"] == "posts"),
    "a missing field": ({"data": {"_entities": [{}, {}]}}, lambda answer: answer["data"]["users"][0]["posts"] is None),
}


@pytest.mark.parametrize("name", SURPRISES)
async def test_after_a_surprise_nothing_is_asked_twice(name: str) -> None:
    """The careful way starts over from the answers that have come."""
    surprise, expected = SURPRISES[name]
    people, posts = Sending(USERS), Sending(surprise)
    answer = await answer_of(engine_of(people, posts))
    assert expected(answer)
    assert [user["name"] for user in answer["data"]["users"]] == ["Ana", "Bia", "Ana"]
    assert (len(people.requests), len(posts.requests)) == (1, 1)


async def test_a_mutation_is_sent_once_whatever_comes_after_it() -> None:
    people = Sending({"data": {"rename": {"id": "1", "name": "Eva"}}})
    posts = Sending({"data": None, "errors": [{"message": "down"}]})
    answer = await answer_of(engine_of(people, posts), 'mutation { rename(name: "Eva") { name posts { text } } }')
    assert answer["data"] == {"rename": {"name": "Eva", "posts": None}}
    assert len(people.requests) == 1


async def test_an_answer_that_is_still_under_way_is_waited_for_not_asked_again() -> None:
    """One of two fetches surprises while the other has not come: the careful way waits for the same answer."""
    sdl = SDL.replace("me: User @join__field(graph: PEOPLE)", "me: User @join__field(graph: POSTS)")
    people, posts = Sending(USERS, held=True), Sending({"data": {"me": 5}})
    engine = Engine(
        sdl,
        transports={"people": people, "posts": posts},
        settings=EngineSettings(share_in_flight=False, quick_at_once=True),
    )
    running = asyncio.ensure_future(answer_of(engine, "{ users { name } me { id } }"))
    await people.began.wait()
    await asyncio.sleep(0.01)
    assert not running.done()
    people.told[0](msgspec.json.encode(USERS), None)
    answer = await running
    assert [user["name"] for user in answer["data"]["users"]] == ["Ana", "Bia", "Ana"]
    assert answer["data"]["me"] is None
    assert len(people.requests) == 1


async def test_a_client_that_goes_away_ends_what_is_under_way() -> None:
    people = Sending(USERS, held=True)
    running = asyncio.ensure_future(answer_of(engine_of(people, Sending(POSTS))))
    await people.began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert people.cancelled == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_every_round_is_asked_in_the_context_of_its_own_request(fails: bool) -> None:
    """Whoever brings the answers has another one: that of the request for which the connection was opened."""
    request_id = contextvars.ContextVar("request_id", default="of nobody")
    seen: list[tuple[str, str]] = []

    class Tracing(Sending):
        def begin(self, request: SubgraphRequest, answered: Answered) -> Call | None:
            seen.append((request.service, request_id.get()))
            self.requests.append(request)
            told = (None, SubgraphUnavailable("closed the connection")) if fails else (self._next(), None)
            asyncio.get_running_loop().call_soon(answered, *told, context=contextvars.Context())
            return self

        async def execute(self, request: SubgraphRequest) -> bytes:
            seen.append((request.service, request_id.get()))
            return await super().execute(request)

    engine = engine_of(Tracing(USERS), Tracing(POSTS), Policies({}, default=Policy(retries=1)))
    for name in ("first", "second"):
        request_id.set(name)
        assert "errors" not in await answer_of(engine)
    once = 2 if fails else 1
    assert seen == [
        (service, name) for name in ("first", "second") for service in ("people", "posts") for _ in range(once)
    ]


async def test_equal_queries_of_one_identity_share_a_call_and_one_that_leaves_does_not_end_it() -> None:
    people, posts = Sending(USERS, held=True), Sending(POSTS)
    engine = engine_of(people, posts, share=True)
    same = [asyncio.ensure_future(answer_of(engine, "{ users { name } }", identity="ana")) for _ in range(3)]
    other = asyncio.ensure_future(answer_of(engine, "{ users { name } }", identity="bia"))
    await people.began.wait()
    await asyncio.sleep(0.01)
    same[0].cancel()
    await asyncio.sleep(0)
    assert (len(people.requests), people.cancelled) == (2, 0)
    for answered in people.told:
        answered(msgspec.json.encode(USERS), None)
    assert (await same[1])["data"] == (await same[2])["data"] == (await other)["data"]


@pytest.mark.parametrize("share", [False, True])
async def test_a_request_leaves_nothing_to_the_cycle_collector(share: bool) -> None:
    senders = Sending(USERS), Sending(POSTS)
    engine = engine_of(*senders, share=share)
    await answer_of(engine)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await answer_of(engine)
        for sender in senders:
            sender.requests.clear()
            sender.told.clear()
        gc.collect()
        assert [one for one in gc.garbage if type(one).__module__.startswith("gateway.")] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_time_limits_hold_for_calls_that_were_begun_at_once() -> None:
    people = Sending(USERS, held=True)
    policies = Policies({}, default=Policy(timeout=0.02))
    answer = await answer_of(engine_of(people, Sending(POSTS), policies), "{ me { name } }")
    assert answer["data"] == {"me": None}
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"
    assert people.cancelled == 1


async def test_the_last_good_value_is_kept_and_served() -> None:
    policies = Policies({Field("User.posts"): Policy(fallback=LastGood(max_age=60))})
    people, posts = Sending(USERS), Sending(POSTS, b"<html>")
    engine = engine_of(people, posts, policies)
    first = await answer_of(engine)
    second = await answer_of(engine)
    assert second["data"]["users"][0]["posts"] == first["data"]["users"][0]["posts"] == [{"text": "a"}]
    assert {entry["source"] for entry in second["extensions"]["degraded"]} == {"last_good"}


async def test_an_operation_is_answered_with_care_first_and_quickly_when_it_comes_again() -> None:
    people, posts = Sending(USERS), Sending(POSTS)
    engine = Engine(SDL, transports={"people": people, "posts": posts})
    first = await engine.execute(GraphQLRequest(query=ASKED))
    assert (people.ordinary, posts.ordinary) == (1, 1)
    assert await engine.execute(GraphQLRequest(query=ASKED)) == first
    assert (people.ordinary, posts.ordinary) == (1, 1)
    assert (len(people.requests), len(posts.requests)) == (2, 2)
