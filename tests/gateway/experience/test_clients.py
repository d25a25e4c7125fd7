"""A service that hangs costs the experience no more than a call may take, and is told what is left of it."""

import asyncio
from typing import Any

import httpx
import pytest
import respx

from gateway.experience.clients.subgraph import SubgraphClient
from gateway.experience.context import Context
from gateway.experience.errors import SourceUnavailable


@pytest.mark.parametrize(("within", "most"), [({}, 0.3), ({"within": 0.15}, 0.15)])
async def test_all_tries_of_a_call_share_its_time(within: dict[str, float], most: float) -> None:
    told: list[float] = []

    async def hang(request: httpx.Request) -> httpx.Response:
        told.append(float(request.headers["X-Left"]))
        await asyncio.Event().wait()
        raise AssertionError

    def tell(_: str, left: float) -> dict[str, str]:
        return {"X-Left": repr(left)}

    nothing: Any = None
    context = Context(nothing, None, "en", asyncio.get_running_loop().time() + 60, tell)
    with respx.mock(assert_all_called=False) as router:
        router.post("http://ticketing.test/graphql").mock(side_effect=hang)
        async with httpx.AsyncClient() as http:
            client = SubgraphClient(
                "ticketing", "http://ticketing.test/graphql", http, timeout=0.3, attempt_timeout=0.1, attempts=9
            )
            with pytest.raises(SourceUnavailable) as failed:
                await client.ask(context, "{ now }", **within)
    assert failed.value.reason in {"timeout", "deadline"}
    assert told
    assert sum(told) <= most
    assert max(told) <= 0.1
