"""A service that hangs costs the experience no more than a call may take, and is told what is left of it."""

import asyncio
from typing import Any

import pytest

from gateway.experience.clients.subgraph import SubgraphClient
from gateway.experience.context import Context
from gateway.experience.errors import SourceUnavailable

NOTHING: Any = None


@pytest.mark.parametrize(("within", "most"), [({}, 0.3), ({"within": 0.15}, 0.15)])
async def test_all_tries_of_a_call_share_its_time(within: dict[str, float], most: float) -> None:
    told: list[float] = []

    async def hang(service: str, document: str, variables: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        told.append(timeout)
        await asyncio.sleep(timeout)
        raise SourceUnavailable(service, "timeout")

    context = Context(NOTHING, None, "en", asyncio.get_running_loop().time() + 60, hang)
    client = SubgraphClient("ticketing", timeout=0.3, attempt_timeout=0.1, attempts=9)
    with pytest.raises(SourceUnavailable) as failed:
        await client.ask(context, "{ now }", **within)
    assert failed.value.reason in {"timeout", "deadline"}
    assert told
    assert sum(told) <= most
    assert max(told) <= 0.1


async def test_what_cannot_pass_is_not_tried_again() -> None:
    """A breaker that is open, or a service that has too much to do, is not asked twice for one question."""
    told: list[str] = []

    async def refuse(service: str, document: str, variables: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        told.append(service)
        raise SourceUnavailable(service, "overloaded", may_pass=False)

    context = Context(NOTHING, None, "en", asyncio.get_running_loop().time() + 60, refuse)
    with pytest.raises(SourceUnavailable):
        await SubgraphClient("ticketing").ask(context, "{ now }")
    assert told == ["ticketing"]
