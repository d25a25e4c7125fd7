"""Policies of a subgraph, seen from what reaches it: attempts, hedges, places, the breaker, and the time forwarded."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest

from gateway.federation import (
    Breaker,
    Engine,
    FallbackContext,
    Field,
    GraphQLRequest,
    HttpTransport,
    InProcessTransport,
    LastGood,
    Policies,
    Policy,
    Subgraph,
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphRequest,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from gateway.federation.idempotency import is_idempotent
from tests.gateway.federation.simulator import QUICK, supergraph_sdl

SDL = supergraph_sdl(
    "a",
    """
    type Query @join__type(graph: A) { value: Int }
    type Mutation @join__type(graph: A) { pay(input: PayInput, key: String): Int other(key: String): Int }
    input PayInput @join__type(graph: A) { key: String amount: Int }
    """,
    "mutation: Mutation",
)
Step = SubgraphFailure | int | Callable[[], Awaitable[Any]]


class Scripted:
    """Does what it is told for each call in turn, the last for all that follow; keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[SubgraphRequest] = []
        self.timeouts: list[float] = []
        self.ended = 0

    async def execute(self, request: SubgraphRequest) -> bytes:
        self.requests.append(request)
        self.timeouts.append(request.timeout)
        step = self.steps[min(len(self.requests), len(self.steps)) - 1]
        try:
            if isinstance(step, SubgraphFailure):
                raise step
            if not isinstance(step, int):
                await step()
        finally:
            self.ended += 1
        return b'{"data":{"value":1,"pay":1,"other":1}}'

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield b""

    @property
    def calls(self) -> int:
        return len(self.requests)


def engine_of(transport: Any, policy: Policy) -> Engine:
    return Engine(SDL, transports={"a": transport}, policies=Policies({Subgraph("a"): policy}), settings=QUICK)


async def ask(engine: Engine, query: str = "{ value }", **more: Any) -> Any:
    return msgspec.json.decode(await engine.execute(GraphQLRequest(query=query, **more)))


def code_of(answer: Any) -> str | None:
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop run until something has happened."""
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


DOWN = SubgraphUnavailable("closed the connection")


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        (SubgraphUnavailable("refused"), 3),
        (SubgraphTimeout("late"), 3),
        (SubgraphStatus(503), 3),
        (SubgraphStatus(429), 3),
        (SubgraphStatus(500), 1),
        (SubgraphStatus(404), 1),
        (SubgraphStatus(401), 1),
        (SubgraphMalformed("not JSON"), 1),
    ],
)
async def test_only_what_may_pass_is_tried_again(failure: SubgraphFailure, calls: int) -> None:
    """As often as declared; what would only fail again is not."""
    transport = Scripted(failure)
    assert code_of(await ask(engine_of(transport, Policy(retries=2)))) == failure.code
    assert transport.calls == calls


KEYED = Policy(retries=2, idempotency_argument="key")


@pytest.mark.parametrize(
    ("query", "variables", "calls"),
    [
        ('mutation { pay(key: "k") }', {}, 3),
        ("mutation ($k: String) { pay(key: $k) }", {"k": "k"}, 3),
        ("mutation ($i: PayInput) { pay(input: $i) }", {"i": {"key": "k", "amount": 1}}, 3),
        ("mutation ($k: String) { pay(input: {amount: 1, key: $k}) }", {"k": "k"}, 3),
        ("mutation { pay(input: {amount: 1}) }", {}, 1),
        ("mutation ($i: PayInput) { pay(input: $i) }", {"i": {"amount": 1}}, 1),
        ("mutation ($i: PayInput) { pay(input: $i) }", {"i": {"key": ""}}, 1),
        ("mutation ($k: String) { pay(key: $k) }", {"k": None}, 1),
        ("mutation ($k: String) { pay(key: $k) }", {}, 1),
        ("mutation { other }", {}, 1),
    ],
)
async def test_a_mutation_is_sent_again_only_with_a_key(query: str, variables: dict[str, Any], calls: int) -> None:
    """The subgraph knows the second by the key of the first: without one it would act twice."""
    transport = Scripted(DOWN)
    assert code_of(await ask(engine_of(transport, KEYED), query, variables=variables)) == "SUBGRAPH_UNAVAILABLE"
    assert transport.calls == calls
    undeclared = Scripted(DOWN)
    await ask(engine_of(undeclared, Policy(retries=2)), query, variables=variables)
    assert undeclared.calls == 1


@pytest.mark.parametrize(
    ("query", "variables", "safe"),
    [
        ('mutation{pay(key:"a")other(key:"b")}', b"{}", True),
        ('mutation{pay(key:"a")other}', b"{}", False),
        ('mutation{pay(key:"a")__typename}', b"{}", False),
        ("mutation($k:String){pay(key:$k)}", b"[]", False),
        ("mutation($k:String){pay(key:$k)}", b"{", False),
        ("mutation{pay(key:7)}", b'{"key":"k"}', False),
        ('mutation{...on Mutation{pay(key:"a")}}', b"{}", False),
        ("mutation{", b"{}", False),
    ],
)
def test_every_field_of_a_mutation_needs_its_key(query: str, variables: bytes, safe: bool) -> None:
    request = SubgraphRequest(service="a", body=b"", query=query, variables=variables, kind="mutation")
    assert is_idempotent(request, "key") is safe
    assert not is_idempotent(request, None)


async def test_a_mutation_of_which_nothing_was_sent_is_tried_again() -> None:
    """A refused connection has carried nothing: no key is needed. One that broke may have."""
    refused = Scripted(SubgraphUnavailable("refused the connection").before_sending(), 1)
    assert await ask(engine_of(refused, Policy(retries=1)), "mutation { other }") == {"data": {"other": 1}}
    assert refused.calls == 2


async def test_a_transport_tells_whether_anything_was_sent() -> None:
    """Nobody listens at one address; at the other somebody reads the request and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    request = SubgraphRequest(service="a", body=b"{}", query="mutation{other}", variables=b"{}", kind="mutation")
    transport = HttpTransport(f"http://127.0.0.1:{port}/")
    with pytest.raises(SubgraphUnavailable) as broken:
        await transport.execute(request)
    server.close()
    await server.wait_closed()
    with pytest.raises(SubgraphUnavailable) as refused:
        await transport.execute(request)
    await transport.close()
    assert (broken.value.sent, refused.value.sent) == (True, False)


async def test_all_attempts_spend_from_one_deadline_that_is_forwarded() -> None:
    """Each attempt is told what is left, never more than before; nothing is sent when no time is left."""
    transport = Scripted(DOWN)
    engine = engine_of(transport, Policy(retries=3))
    await ask(engine, deadline=asyncio.get_running_loop().time() + 20)
    assert transport.calls == 4
    assert transport.timeouts == sorted(transport.timeouts, reverse=True)
    assert 0 < transport.timeouts[-1] <= transport.timeouts[0] <= 20
    late = await ask(engine, deadline=asyncio.get_running_loop().time() - 1)
    assert code_of(late) == "SUBGRAPH_TIMEOUT"
    assert transport.calls == 4


async def test_a_retry_that_could_not_end_in_time_is_not_begun() -> None:
    """The subgraph fails when the deadline is reached: no second attempt."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 0.05

    async def fail_late() -> None:
        # The loop may be held up until the deadline: blocking here is what makes it certain.
        time.sleep(max(0.0, deadline - loop.time()))  # noqa: ASYNC251
        raise DOWN

    transport = Scripted(fail_late)
    assert code_of(await ask(engine_of(transport, Policy(retries=5)), deadline=deadline)) in {
        "SUBGRAPH_UNAVAILABLE",
        "SUBGRAPH_TIMEOUT",
    }
    assert transport.calls == 1


async def test_an_attempt_may_take_no_longer_than_its_timeout() -> None:
    transport = Scripted(asyncio.Event().wait, 1)
    policy = Policy(attempt_timeout=0.02, retries=1)
    assert await ask(engine_of(transport, policy)) == {"data": {"value": 1}}
    assert max(transport.timeouts) <= 0.02


async def test_attempts_waits_and_hedges_share_the_time_of_the_call() -> None:
    """Whatever hangs takes no longer in all than is declared: each attempt, hedged, gets what is left of it."""
    for hedge in (None, 0.01):
        transport = Scripted(asyncio.Event().wait)
        policy = Policy(timeout=0.3, attempt_timeout=0.1, retries=100, hedge=hedge)
        assert code_of(await ask(engine_of(transport, policy))) == "SUBGRAPH_TIMEOUT"
        attempts = transport.timeouts[:: 1 if hedge is None else 2]
        assert len(attempts) > 1
        assert sum(attempts) <= 0.3
        assert max(transport.timeouts) <= 0.1


async def test_waiting_for_a_place_is_part_of_the_call() -> None:
    transport = Scripted(asyncio.Event().wait)
    engine = engine_of(transport, Policy(timeout=0.05, concurrency=1))
    first, second = await asyncio.gather(ask(engine, identity=1), ask(engine, identity=2))
    assert {code_of(first), code_of(second)} <= {"SUBGRAPH_TIMEOUT", "SUBGRAPH_REJECTED"}
    assert code_of(first) == "SUBGRAPH_TIMEOUT"


class Server:
    """A real one, that hangs or answers 503 when it is told to; keeps what it was told of the time left."""

    def __init__(self) -> None:
        self.hangs = False
        self.refuses = 0
        self.left: list[float] = []
        self.conversations: list[asyncio.Task[Any] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
                await reader.readexactly(int(fields["content-length"]))
                self.left.append(float(fields["x-left"]))
                if self.hangs:
                    await reader.read()  # until the gateway hangs up
                    break
                body, status = b'{"data":{"value":1}}', b"503 Service Unavailable" if self.refuses else b"200 OK"
                self.refuses = max(0, self.refuses - 1)
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def served(policy: Policy) -> AsyncIterator[tuple[Engine, Server]]:
    """An engine that has an open connection to a real server."""
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        transport = HttpTransport(url, headers_for=lambda request: {"X-Left": repr(request.timeout)})
        engine = engine_of(transport, policy)
        assert await ask(engine) == {"data": {"value": 1}}
        server.left.clear()
        yield engine, server
        await transport.close()
        await asyncio.wait_for(asyncio.gather(*filter(None, server.conversations)), 60)


async def test_a_subgraph_that_hangs_is_noticed_and_then_asked_no_more() -> None:
    """All attempts spend from one time, of which what is left is forwarded; who comes after that fails at once."""
    policy = Policy(timeout=2.0, attempt_timeout=0.5, retries=9, breaker=Breaker(failures=3, reset=60))
    async with served(policy) as (engine, server):
        server.hangs = True
        first = await ask(engine)
        followers = await asyncio.gather(*(ask(engine, identity=number) for number in range(5)))
    assert code_of(first) == "SUBGRAPH_TIMEOUT"
    assert [code_of(answer) for answer in followers] == ["SUBGRAPH_REJECTED"] * 5
    assert len(server.left) == 3
    assert max(server.left) <= 0.5
    assert sum(server.left) <= 2.0


async def test_who_waits_for_a_place_fails_when_the_subgraph_is_found_to_hang() -> None:
    """All places are taken by calls that hang; the breaker opens: nobody of those who wait asks as well."""
    transport = Scripted(asyncio.Event().wait)
    engine = engine_of(transport, Policy(attempt_timeout=0.05, concurrency=2, breaker=Breaker(failures=2, reset=60)))
    answers = await asyncio.gather(*(ask(engine, identity=number) for number in range(6)))
    assert [code_of(answer) for answer in answers[:2]] == ["SUBGRAPH_TIMEOUT"] * 2
    assert transport.calls <= 3
    assert {code_of(answer) for answer in answers[3:]} == {"SUBGRAPH_REJECTED"}
    assert code_of(await ask(engine, identity="later")) == "SUBGRAPH_REJECTED"


async def test_equal_queries_whose_shared_call_failed_are_sent_again_once() -> None:
    """Twenty wait for one call: its failure must not become twenty calls to a subgraph in trouble."""
    async with served(Policy(retries=2)) as (engine, server):
        server.refuses = 1
        answers = await asyncio.gather(*(ask(engine) for _ in range(20)))
    assert answers == [{"data": {"value": 1}}] * 20
    assert len(server.left) == 2


async def test_a_half_open_breaker_lets_exactly_one_call_through() -> None:
    """The others are refused until it has ended; when it ends well all go through again."""
    gate = asyncio.Event()
    transport = Scripted(DOWN, gate.wait)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=1, reset=0)))
    await ask(engine)
    trial = asyncio.ensure_future(ask(engine, identity="first"))
    await asyncio.sleep(0)
    others = await asyncio.gather(*(ask(engine, identity=number) for number in range(5)))
    assert [code_of(answer) for answer in others] == ["SUBGRAPH_REJECTED"] * 5
    assert transport.calls == 2
    gate.set()
    assert code_of(await trial) is None
    later = await asyncio.gather(*(ask(engine, identity=number) for number in range(5)))
    assert [code_of(answer) for answer in later] == [None] * 5
    assert transport.calls == 7


async def test_a_trial_that_fails_opens_the_breaker_again() -> None:
    transport = Scripted(DOWN)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=3, reset=0)))
    for _ in range(3):
        await ask(engine)
    gate = asyncio.Event()

    async def fail() -> None:
        await gate.wait()
        raise DOWN

    transport.steps = [fail]
    trial = asyncio.ensure_future(ask(engine))
    await asyncio.sleep(0)
    assert code_of(await ask(engine, identity="second")) == "SUBGRAPH_REJECTED"
    gate.set()
    assert code_of(await trial) == "SUBGRAPH_UNAVAILABLE"
    assert transport.calls == 4


async def test_a_trial_that_is_cancelled_leaves_its_place_to_another() -> None:
    transport = Scripted(DOWN, asyncio.Event().wait, 1)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=1, reset=0)))
    await ask(engine)
    trial = asyncio.ensure_future(ask(engine, identity="first"))
    await until(lambda: transport.calls == 2)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    await until(lambda: transport.ended == 2)
    await asyncio.sleep(0)
    assert code_of(await ask(engine, identity="second")) is None


async def test_refusals_of_the_caller_do_not_open_the_breaker() -> None:
    """Anybody can send a bad token: the subgraph is well, for everybody else."""
    transport = Scripted(*[SubgraphStatus(status) for status in (401, 403, 400, 401, 403)], 1)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=2, reset=60)))
    for _ in range(5):
        assert code_of(await ask(engine)) is not None
    assert code_of(await ask(engine)) is None


async def test_time_spent_elsewhere_does_not_open_the_breaker() -> None:
    """A request whose time was up before the subgraph was asked says nothing about the subgraph."""
    transport = Scripted(1)
    engine = engine_of(transport, Policy(timeout=5, breaker=Breaker(failures=1, reset=60)))
    assert code_of(await ask(engine, deadline=asyncio.get_running_loop().time() - 1)) == "SUBGRAPH_TIMEOUT"
    assert code_of(await ask(engine)) is None


async def test_failures_open_the_breaker_only_in_a_row() -> None:
    transport = Scripted(DOWN, 1, DOWN, 1, DOWN, 1)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=2, reset=60)))
    assert [code_of(await ask(engine)) for _ in range(6)] == ["SUBGRAPH_UNAVAILABLE", None] * 3


async def test_no_more_calls_than_allowed_are_under_way() -> None:
    """Others wait for their turn, and are refused when their time is up."""
    gate = asyncio.Event()
    transport = Scripted(gate.wait)
    engine = engine_of(transport, Policy(concurrency=2))
    waiting = [asyncio.ensure_future(ask(engine, identity=number)) for number in range(4)]
    await until(lambda: transport.calls == 2)
    hasty = await ask(engine, identity="hasty", deadline=asyncio.get_running_loop().time() + 0.02)
    assert code_of(hasty) == "SUBGRAPH_REJECTED"
    assert transport.calls == 2
    gate.set()
    assert [code_of(answer) for answer in await asyncio.gather(*waiting)] == [None] * 4
    assert transport.calls == 4


async def test_a_waiting_call_that_is_cancelled_takes_no_place() -> None:
    gate = asyncio.Event()
    transport = Scripted(gate.wait)
    engine = engine_of(transport, Policy(concurrency=1))
    first, second, third = (asyncio.ensure_future(ask(engine, identity=number)) for number in range(3))
    await until(lambda: transport.calls == 1)
    second.cancel()
    gate.set()
    assert code_of(await first) is None
    assert code_of(await third) is None
    assert transport.calls == 2


async def test_the_first_good_answer_of_a_hedge_counts_and_the_other_call_is_given_up() -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    transport = Scripted(hang, 1)
    assert await ask(engine_of(transport, Policy(hedge=0))) == {"data": {"value": 1}}
    await asyncio.wait_for(cancelled.wait(), 60)
    assert transport.calls == 2


async def test_a_hedge_that_fails_leaves_the_first_call_its_chance() -> None:
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise DOWN

    transport = Scripted(failed.wait, fail)
    assert await ask(engine_of(transport, Policy(hedge=0))) == {"data": {"value": 1}}
    assert transport.calls == 2


async def test_two_calls_that_both_fail_are_one_failure() -> None:
    transport = Scripted(lambda: _fail_later(), lambda: _fail_later())
    assert code_of(await ask(engine_of(transport, Policy(hedge=0)))) == "SUBGRAPH_UNAVAILABLE"
    assert transport.calls == 2


async def _fail_later() -> None:
    await asyncio.sleep(0.01)
    raise DOWN


async def test_a_mutation_is_never_hedged_even_with_a_key() -> None:
    gate = asyncio.Event()
    transport = Scripted(gate.wait)
    engine = engine_of(transport, Policy(hedge=0, retries=2, idempotency_argument="key"))
    asked = asyncio.ensure_future(ask(engine, 'mutation { pay(key: "k") }'))
    for _ in range(20):
        await asyncio.sleep(0)
    assert transport.calls == 1
    gate.set()
    assert await asked == {"data": {"pay": 1}}


async def test_a_last_good_value_grows_too_old_and_the_oldest_is_forgotten() -> None:
    now = 0.0
    kept = LastGood(10, entries=2, clock=lambda: now)
    for number in range(3):
        kept.remember("T.f", "ana", bytes([number]), number)
    context = [FallbackContext("T.f", "ana", bytes([number]), "DOWN") for number in range(3)]
    with pytest.raises(LookupError):
        await kept.value(context[0])
    assert await kept.value(context[2]) == 2
    now = 11.0
    with pytest.raises(LookupError):
        await kept.value(context[2])


async def test_a_fallback_hides_no_failed_mutation() -> None:
    transport = Scripted(DOWN)
    policies = Policies({Field("Mutation.other"): Policy(fallback=_Always())})
    answer = await ask(Engine(SDL, transports={"a": transport}, policies=policies), "mutation { other }")
    assert (answer["data"], code_of(answer)) == ({"other": None}, "SUBGRAPH_UNAVAILABLE")
    assert "extensions" not in answer


class _Always:
    source = "always"

    async def value(self, context: FallbackContext) -> Any:
        return 1


async def test_what_a_subgraph_in_process_raises_may_have_happened() -> None:
    """A function that failed may have done its work: a mutation is not called again without a key."""
    calls = 0

    async def fail(request: SubgraphRequest) -> bytes:
        nonlocal calls
        calls += 1
        raise ValueError

    assert (
        code_of(await ask(engine_of(InProcessTransport(fail), KEYED), "mutation { other }")) == "SUBGRAPH_UNAVAILABLE"
    )
    assert calls == 1
