"""Whatever is raised on the fast path, and wherever, the request is answered: by the slow path, or with an error."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.federation import Engine, EngineSettings, Field, GraphQLRequest, LastGood, Policies, Policy, Subgraph
from gateway.federation.errors import SubgraphUnavailable
from gateway.federation.fast import FastProgram
from gateway.federation.resilience import Guard
from gateway.federation.sharing import InFlight, SharedCalls
from tests.gateway.federation.test_quick_way import ASKED, POSTS, SDL, USERS, Sending
from tests.gateway.federation.test_resilience import until


class Odd(BaseException):
    """Not an Exception, and no cancellation."""


ODD: list[type[BaseException]] = [
    KeyError,
    IndexError,
    ZeroDivisionError,
    AssertionError,
    MemoryError,
    RuntimeError,
    StopIteration,
    UnicodeDecodeError,
    NotImplementedError,
    OSError,
    GeneratorExit,
    Odd,
]
ANA = {"name": "Ana", "posts": [{"text": "a"}]}
WHOLE = {"data": {"users": [ANA, {"name": "Bia", "posts": None}, ANA]}}


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    def odd(*_: Any, **__: Any) -> Any:
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "odd") if kind is UnicodeDecodeError else kind("odd")

    return odd


def make(share: bool, policies: Policies | None = None) -> tuple[Engine, FastProgram, Sending, Sending]:
    people, posts = Sending(USERS), Sending(POSTS)
    engine = Engine(
        SDL,
        transports={"people": people, "posts": posts},
        policies=policies
        or Policies({Subgraph("people"): Policy(concurrency=4), Subgraph("posts"): Policy(concurrency=4)}),
        settings=EngineSettings(share_in_flight=share, quick_at_once=True),
    )
    operation = engine._programs.operation(ASKED, None)
    program = engine._programs.quick(ASKED, None, operation, {})
    assert isinstance(program, FastProgram)
    return engine, program, people, posts


async def ask(engine: Engine) -> Any:
    body = await asyncio.wait_for(engine.execute(GraphQLRequest(query=ASKED)), 5)
    return msgspec.json.decode(body)


def settled(engine: Engine) -> None:
    """Nothing is under way, and no place is taken."""
    assert not engine._watch.runs
    for guard in engine._programs._guards._guards.values():
        assert not guard.begun
        assert guard._slots is None or guard._slots._free == 4


# Each replaces one thing that the fast path calls; what is asked of subgraphs stays as it is.
SITES: dict[str, Callable[[FastProgram, Callable[..., Any]], None]] = {
    "decodes the first answer": lambda program, odd: setattr(program.steps[0], "decode", odd),
    "takes the first answer": lambda program, odd: setattr(program.steps[0], "take", odd),
    "collects representations": lambda program, odd: setattr(program.steps[1].parts[0], "collect", odd),
    "decodes the second answer": lambda program, odd: setattr(program.steps[1], "decode", odd),
    "joins the second answer": lambda program, odd: setattr(program.steps[1].parts[0], "apply", odd),
    "finishes": lambda program, odd: setattr(program, "finish", odd),
}


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("kind", ODD, ids=lambda kind: kind.__name__)
async def test_the_slow_path_answers_instead(site: str, kind: type[BaseException], share: bool) -> None:
    engine, program, people, posts = make(share)
    SITES[site](program, raising(kind))
    assert await ask(engine) == WHOLE
    # What had been asked is not asked again.
    assert (len(people.requests), len(posts.requests)) == (1, 1)
    settled(engine)


@pytest.mark.parametrize("kind", ODD, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("owner", "name"), [(Guard, "begin"), (SharedCalls, "begin"), (InFlight, "share"), (Guard, "execute")]
)
async def test_what_cannot_be_asked_is_an_error_in_its_place(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, kind: type[BaseException]
) -> None:
    engine, _, _, _ = make(share=True)
    if name in ("share", "execute"):
        # The ordinary way is gone when nothing can be sent at once.
        monkeypatch.setattr(SharedCalls, "begin", lambda *_, **__: None)
    monkeypatch.setattr(owner, name, raising(kind))
    try:
        answer = await ask(engine)
    except kind:
        # The slow path has nothing else to try, and says so.
        assert kind in (GeneratorExit, Odd) or name in ("share", "execute")
    else:
        assert answer["data"] is None
        assert answer["errors"]
    settled(engine)


@pytest.mark.parametrize("kind", ODD, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", ["begin", "execute"])
async def test_a_transport_that_raises_anything_leaves_no_place_taken(
    monkeypatch: pytest.MonkeyPatch, way: str, kind: type[BaseException]
) -> None:
    engine, _, people, _ = make(share=False)
    guard = engine._programs._guards._guards["people"]
    guard._send = raising(kind) if way == "begin" else None
    monkeypatch.setattr(people, way, raising(kind))
    for _ in range(10):
        try:
            answer = await ask(engine)
        except kind:
            assert kind in (GeneratorExit, Odd)
        else:
            assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"
    settled(engine)


async def test_a_fallback_that_cannot_be_told_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _, _, _ = make(False, Policies({Field("User.posts"): Policy(fallback=LastGood(60))}))
    monkeypatch.setattr(LastGood, "remember", raising(ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        # The slow path tells it as well; a request that fails is at least not one that hangs.
        await ask(engine)
    assert not engine._watch.runs


async def test_a_call_that_is_given_up_behind_the_guard_is_a_failure_of_its_field() -> None:
    """Something cancels what the fast path waits for, and nobody cancels the request."""
    engine, _, people, _ = make(share=True)
    tasks: list[asyncio.Task[Any]] = []

    async def wait(_: Any) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await asyncio.Event().wait()
        raise AssertionError

    engine._programs._guards._guards["people"]._send = None
    people.execute = wait  # type: ignore[method-assign]
    asked = asyncio.ensure_future(ask(engine))
    await until(lambda: bool(tasks))
    tasks[0].cancel()
    answer = await asked
    assert answer["errors"][0]["extensions"]["code"] == SubgraphUnavailable.code
    settled(engine)


@pytest.mark.parametrize("quick", [True, False])
async def test_a_request_ends_by_its_deadline_whatever_its_transport_does(
    monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    """A guard that never gives up, an answer that is never told: the request's deadline is one all the same."""

    async def never(*_: Any) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    engine, _, people, _ = make(share=False)
    people.held = True
    monkeypatch.setattr(Guard, "_expire", lambda _: None)
    if not quick:
        engine._programs._guards._guards["people"]._send = None
        monkeypatch.setattr(Guard, "execute", never)
    request = GraphQLRequest(query=ASKED, deadline=asyncio.get_running_loop().time() + 0.05)
    answer = msgspec.json.decode(await asyncio.wait_for(engine.execute(request), 10))
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"
    assert not engine._watch.runs
