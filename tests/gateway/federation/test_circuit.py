"""When a subgraph counts as sick, and how traffic comes back: seen from what reaches it."""

import asyncio
import random
from typing import Any

import pytest

from gateway.federation import (
    Breaker,
    Engine,
    Policies,
    Policy,
    Subgraph,
    SubgraphMalformed,
    SubgraphOverloaded,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from gateway.federation.circuit import Circuit, Heard
from tests.gateway.federation.simulator import QUICK
from tests.gateway.federation.test_resilience import DOWN, SDL, Scripted, ask, code_of, engine_of, until

BREAKER = Breaker(failures=3, reset=60, patience=0)


async def test_calls_that_are_late_while_others_are_answered_do_not_open_the_breaker() -> None:
    """Ten are too slow, one after the other; each time somebody else is answered meanwhile."""
    slow = asyncio.Event()

    class Busy(Scripted):
        async def execute(self, request: Any) -> bytes:
            if "other" in request.query:
                await slow.wait()
            return await super().execute(request)

    transport = Busy(1)
    engine = engine_of(transport, Policy(attempt_timeout=0.03, breaker=BREAKER))
    for number in range(10):
        late = asyncio.ensure_future(ask(engine, "mutation { other }", identity=number))
        await asyncio.sleep(0.005)
        assert code_of(await ask(engine, identity=f"quick {number}")) is None
        assert code_of(await late) == "SUBGRAPH_TIMEOUT"
    assert code_of(await ask(engine)) is None


async def test_a_mutation_that_hangs_takes_neither_queries_nor_other_mutations_along() -> None:
    """Nobody else is answered meanwhile: only its own calls are refused."""

    class Hanging(Scripted):
        async def execute(self, request: Any) -> bytes:
            if "other" in request.query:
                await asyncio.Event().wait()
            return await super().execute(request)

    engine = engine_of(Hanging(1), Policy(attempt_timeout=0.01, breaker=BREAKER))
    codes = [code_of(await ask(engine, "mutation { other }")) for _ in range(5)]
    assert codes == ["SUBGRAPH_TIMEOUT"] * 3 + ["SUBGRAPH_REJECTED"] * 2
    assert code_of(await ask(engine)) is None
    assert code_of(await ask(engine, "mutation { pay }")) is None


@pytest.mark.parametrize(
    "failure", [SubgraphOverloaded(0.01), SubgraphStatus(429), SubgraphStatus(401), SubgraphMalformed("too much")]
)
async def test_a_refusal_is_an_answer(failure: Any) -> None:
    transport = Scripted(*[failure] * 20, 1)
    engine = engine_of(transport, Policy(breaker=BREAKER))
    for _ in range(20):
        assert code_of(await ask(engine)) == failure.code
    assert code_of(await ask(engine)) is None


@pytest.mark.parametrize("failure", [SubgraphStatus(500), SubgraphUnavailable("broke"), SubgraphTimeout("silence")])
async def test_what_tells_of_sickness_opens_it(failure: Any) -> None:
    transport = Scripted(failure)
    engine = engine_of(transport, Policy(breaker=BREAKER))
    codes = [code_of(await ask(engine)) for _ in range(5)]
    assert codes == [failure.code] * 3 + ["SUBGRAPH_REJECTED"] * 2


async def test_failures_among_answers_are_not_in_a_row() -> None:
    """Of many under way at once some break: whoever is answered in between says that it is well."""
    circuit = Circuit(BREAKER, Heard())
    for _ in range(10):
        circuit.failed(DOWN, False, 0)
        circuit.failed(DOWN, False, 0)
        circuit.succeeded(False)
    assert circuit.untroubled


async def test_traffic_comes_back_in_steps_and_nobody_is_refused_who_waits_a_moment() -> None:
    """One call, two, four: 150 at once find a breaker that has just begun to close, and all are answered."""
    under_way = most = 0
    steps: list[int] = []

    async def answer() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        steps.append(under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    transport = Scripted(DOWN, answer)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=1, reset=0, patience=30)))
    assert code_of(await ask(engine)) == "SUBGRAPH_UNAVAILABLE"
    answers = await asyncio.gather(*(ask(engine, identity=number) for number in range(150)))
    assert {code_of(one) for one in answers} == {None}
    assert steps[:3] == [1, 1, 2]
    assert most > 8
    assert (await asyncio.gather(*(ask(engine, identity=number) for number in range(50))))[0] == {"data": {"value": 1}}


async def test_those_who_wait_are_refused_when_the_first_call_fails() -> None:
    gate = asyncio.Event()

    async def fail() -> None:
        await gate.wait()
        raise DOWN

    transport = Scripted(DOWN, fail)
    engine = engine_of(transport, Policy(breaker=Breaker(failures=1, reset=0.01, patience=30)))
    await ask(engine)
    await asyncio.sleep(0.02)
    trial = asyncio.ensure_future(ask(engine, identity="first"))
    await until(lambda: transport.calls == 2)
    others = [asyncio.ensure_future(ask(engine, identity=number)) for number in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert code_of(await trial) == "SUBGRAPH_UNAVAILABLE"
    assert {code_of(one) for one in await asyncio.gather(*others)} == {"SUBGRAPH_REJECTED"}
    assert transport.calls == 2


async def test_a_thousand_who_leave_while_traffic_comes_back_leave_no_place_taken() -> None:
    async def answer() -> None:
        await asyncio.sleep(random.uniform(0, 0.002))

    transport = Scripted(DOWN, answer)
    policy = Policy(breaker=Breaker(failures=1, reset=0.001, patience=5), concurrency=10)
    engine = engine_of(transport, policy)
    loop = asyncio.get_running_loop()
    for _ in range(10):
        transport.steps = [DOWN]
        await ask(engine)
        transport.steps = [answer]
        await asyncio.sleep(0.002)
        calls = [asyncio.ensure_future(ask(engine, identity=number)) for number in range(100)]
        for call in calls:
            loop.call_later(random.uniform(0, 0.03), call.cancel)
        await asyncio.gather(*calls, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)
    assert code_of(await ask(engine)) is None
    guard = engine._programs._guards._guards["a"]
    assert (guard.circuit._trials, len(guard.circuit._waiting)) == (0, 0)
    assert guard._slots is not None
    assert guard._slots._free == 10


@pytest.mark.parametrize(("query", "calls"), [("{ value }", 1), ("mutation { other }", 3)])
async def test_who_reads_is_told_to_come_again_and_what_changes_something_comes_again_by_itself(
    query: str, calls: int
) -> None:
    """An overloaded subgraph has done nothing of it: a mutation may be sent again without a key."""
    transport = Scripted(SubgraphOverloaded(0.01), SubgraphOverloaded(0.01), 1)
    answer = await ask(engine_of(transport, Policy(retries=2)), query)
    assert transport.calls == calls
    if calls == 1:
        assert answer["errors"][0]["extensions"] == {"code": "OVERLOADED", "retryAfterMs": 10, "service": "a"}
    else:
        assert answer == {"data": {"other": 1}}


async def test_a_query_that_was_late_for_a_busy_subgraph_is_not_sent_again() -> None:
    """It would have even more to do."""
    gate = asyncio.Event()

    class Busy(Scripted):
        async def execute(self, request: Any) -> bytes:
            if request.identity == "late":
                self.requests.append(request)
                await gate.wait()
            return await super().execute(request)

    transport = Busy(1)
    engine = engine_of(transport, Policy(attempt_timeout=0.05, retries=5))
    late = asyncio.ensure_future(ask(engine, identity="late"))
    await until(lambda: transport.calls == 1)
    assert code_of(await ask(engine, identity="other")) is None
    assert code_of(await late) == "SUBGRAPH_TIMEOUT"
    assert transport.calls == 2


async def test_mutations_are_given_the_time_that_is_declared_for_them() -> None:
    transport = Scripted(1)
    policy = Policy(timeout=2, attempt_timeout=1, mutation_timeout=9, mutation_attempt_timeout=7)
    engine = Engine(SDL, transports={"a": transport}, policies=Policies({Subgraph("a"): policy}), settings=QUICK)
    await ask(engine)
    await ask(engine, "mutation { other }")
    assert 0 < transport.timeouts[0] <= 1
    assert 6 < transport.timeouts[1] <= 7
